package event

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// An event that was published as a CloudEvent is known by its source and id together, so its Name
// has both: eight hexadecimal digits of the source's hash, "~", and the id, in which the characters
// that no name may have, and "%", are percent-encoded.
const cloudMark = 8

// CloudName returns the name of the CloudEvent with the source and id.
func CloudName(source, id string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, cloudMark+1+len(id))
	b = append(append(b, cloudHash(source)...), '~')
	for _, c := range []byte(id) {
		if c == '%' || CheckName(string(c)) != nil {
			b = append(b, '%', digits[c>>4], digits[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func cloudHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:cloudMark/2])
}

// CloudID returns the id of the event as a CloudEvent with the source: the one it was published
// with, else its public id.
func (e *Event) CloudID(source string) string {
	if len(e.Name) <= cloudMark+1 || e.Name[cloudMark] != '~' || e.Name[:cloudMark] != cloudHash(source) {
		return e.PublicID()
	}
	coded := e.Name[cloudMark+1:]
	if !strings.Contains(coded, "%") {
		return coded
	}
	id := make([]byte, 0, len(coded))
	for i := 0; i < len(coded); i++ {
		if coded[i] == '%' && i+2 < len(coded) {
			if c, err := hex.DecodeString(coded[i+1 : i+3]); err == nil {
				id = append(id, c[0])
				i += 2
				continue
			}
		}
		id = append(id, coded[i])
	}
	return string(id)
}
