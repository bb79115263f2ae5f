//go:build !unix

package doctor

import (
	"os"

	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

func (r *run) permissions(string, os.FileInfo) (mayRead bool) { return true }

func freeRoom(dir string) (bytes, nodes int64, known bool) {
	bytes, known = osfile.Free(dir)
	return bytes, -1, known
}

func lockHolder(string) (pid int, known bool) { return 0, false }

func openFiles(int) (limit uint64) { return 0 }
