//go:build unix

package transform

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// allocator provides instances with memory from the system. It reserves all of it, but the system
// assigns pages only when they are touched. The memory never moves when it grows and is freed as
// soon as the instance is closed. On Go's heap, every step of growth would leave a copy behind
// until the next collection.
var allocator experimental.MemoryAllocator = experimental.MemoryAllocatorFunc(func(_, limit uint64) experimental.LinearMemory {
	if limit == 0 {
		return &mapped{}
	}
	b, err := unix.Mmap(-1, 0, int(limit), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return &mapped{} // growing it fails, and so does creating the instance
	}
	return &mapped{b}
})

type mapped struct{ b []byte }

// Reallocate implements experimental.LinearMemory.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *mapped) Free() {
	if m.b != nil {
		_ = unix.Munmap(m.b) // fails only for memory that is not mapped
		m.b = nil
	}
}
