package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// DefaultPort is LocalStack's usual port. The seller takes the two ports after it.
const DefaultPort = 4566

// Ports are the loopback ports of one instance.
type Ports struct {
	LocalStack int `json:"localstack"`
	SellerMCP  int `json:"seller_mcp"`
	SellerHTTP int `json:"seller_http"` // A2A, key set, ledger
}

// portTimeout is how long choosePorts waits for a port: an instance that was just stopped may
// still hold it.
const portTimeout = 2 * time.Second

// choosePorts returns base and the next two ports, or free ports if base is 0. Its error names a
// port that is in use.
func choosePorts(ctx context.Context, base int) (Ports, error) {
	if base == 0 {
		free, err := freePorts(3)
		if err != nil {
			return Ports{}, err
		}
		return Ports{free[0], free[1], free[2]}, nil
	}
	p := Ports{base, base + 1, base + 2}
	for _, port := range []int{p.LocalStack, p.SellerMCP, p.SellerHTTP} {
		if err := awaitPort(ctx, port); err != nil {
			return p, err
		}
	}
	return p, nil
}

func awaitPort(ctx context.Context, port int) error {
	for deadline := time.Now().Add(portTimeout); ; {
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("port %d: %w", port, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf(
				"port %d is in use by another program: stop it, or choose other ports with -port (0 takes free ports)", port)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// freePorts returns n free ports. It holds each one until all are found, so that they differ.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", loopback(0))
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
