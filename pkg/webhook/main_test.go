package webhook_test

import (
	"log/slog"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the tests refuse thousands of deliveries
	os.Exit(m.Run())
}
