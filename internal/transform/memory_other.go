//go:build !unix

package transform

import "github.com/tetratelabs/wazero/experimental"

// allocator is nil where memory comes from Go's heap.
var allocator experimental.MemoryAllocator
