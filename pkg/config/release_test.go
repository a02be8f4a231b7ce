package config

import (
	"runtime/debug"
	"testing"
)

func TestReleaseNamesTheBuild(t *testing.T) {
	t.Parallel()
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	revision := setting("vcs.revision", "39677e3aa2b4c6d8e0f1")
	for _, tc := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}}, "v1.2.0"},
		{debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{revision}}, "39677e3aa2b4"},
		{debug.BuildInfo{Settings: []debug.BuildSetting{revision, setting("vcs.modified", "true")}}, "39677e3aa2b4-modified"},
		{debug.BuildInfo{}, "unknown"},
	} {
		if got := releaseOf(&tc.info); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}
