//go:build unix

package transform

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// allocator gives instances memory of their own from the system. It is reserved as a whole, taken as it is touched, never moves
// as it grows, and is gone at once when the instance is: on Go's heap every step of growth would leave a copy behind until the
// next collection.
var allocator experimental.MemoryAllocator = experimental.MemoryAllocatorFunc(func(_, limit uint64) experimental.LinearMemory {
	if limit == 0 {
		return &mapped{}
	}
	b, err := unix.Mmap(-1, 0, int(limit), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return &mapped{} // growing it fails, and with it making the instance
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
		_ = unix.Munmap(m.b) // fails only for what is not mapped
		m.b = nil
	}
}
