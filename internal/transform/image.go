package transform

import (
	"bytes"
	"container/list"
)

// pageBytes is the unit in which memories are compared.
const pageBytes = 4096

// image is the memory after a script's top level ran, stored as the pages that differ from the
// engine's base.
type image struct {
	size  int    // size of the memory
	pages []page // in rising order
	bytes int    // size of pages
	fn    uint64 // JSValue of the script's function
}

type page struct {
	at   int
	data []byte
}

// takeImage compares a memory with base, its initial content.
func takeImage(mem, base []byte, fn uint64) *image {
	img := &image{size: len(mem), fn: fn}
	empty := make([]byte, pageBytes)
	for at := 0; at < len(mem); at += pageBytes {
		was := empty
		if at < len(base) {
			was = base[at : at+pageBytes]
		}
		if now := mem[at : at+pageBytes]; !bytes.Equal(now, was) {
			img.pages = append(img.pages, page{at, bytes.Clone(now)})
			img.bytes += pageBytes
		}
	}
	return img
}

// restore resets a memory to its content when the image was taken. The memory may have grown since;
// it never shrinks.
func (img *image) restore(mem, base []byte) {
	copy(mem, base)
	clear(mem[len(base):])
	for _, p := range img.pages {
		copy(mem[p.at:], p.data)
	}
}

// maxImages bounds the stored images, in bytes: enough for about a hundred scripts.
const maxImages = 8 << 20

// images caches the images of the most recently used scripts.
type images struct {
	bytes int
	order *list.List // of *keptImage, the most recently used first
	byKey map[scriptKey]*list.Element
}

type keptImage struct {
	key scriptKey
	*image
}

func newImages() *images {
	return &images{order: list.New(), byKey: make(map[scriptKey]*list.Element)}
}

func (i *images) get(key scriptKey) *image {
	e := i.byKey[key]
	if e == nil {
		return nil
	}
	i.order.MoveToFront(e)
	return e.Value.(*keptImage).image
}

func (i *images) put(key scriptKey, img *image) {
	if i.byKey[key] != nil {
		return // two runs created it at the same time
	}
	i.byKey[key] = i.order.PushFront(&keptImage{key, img})
	i.bytes += img.bytes
	for i.bytes > maxImages && i.order.Len() > 1 {
		oldest := i.order.Remove(i.order.Back()).(*keptImage)
		delete(i.byKey, oldest.key)
		i.bytes -= oldest.image.bytes
	}
}
