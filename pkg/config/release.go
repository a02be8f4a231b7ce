package config

import "runtime/debug"

// Release names the build that runs: its version, or the commit that it was built from, with
// "-modified" if files were changed; "unknown" if the build does not say.
func Release() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return releaseOf(info)
}

// shortCommit is how much of a commit's name is shown.
const shortCommit = 12

func releaseOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	release, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			release = s.Value[:min(shortCommit, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	return release + modified
}
