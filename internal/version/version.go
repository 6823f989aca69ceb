// Package version holds the identity of this build. The linker fills it in
// (see the Makefile); a plain `go build` or `go install` falls back to what the
// toolchain recorded.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// development is what Version says when nobody stamped the binary.
const development = "dev"

// Version and Commit are set with -ldflags -X, which only reaches variables.
var (
	Version = development
	Commit  = ""
)

// String is the one line that `yonder version` prints and that every process
// logs when it starts.
func String() string {
	return describe(Version, commit(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
}

func describe(version, commit, toolchain, platform string) string {
	if commit != "" {
		version = fmt.Sprintf("%s (%s)", version, commit)
	}
	return fmt.Sprintf("yonder %s %s %s", version, toolchain, platform)
}

// commit prefers the stamped value: release builds happen from archives that
// carry no version control data.
func commit() string {
	if Commit != "" {
		return Commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value[:min(12, len(setting.Value))]
		}
	}
	return ""
}
