// Package secret protects secrets: a Keyring encrypts them at rest, and a Text does not print.
//
// A stored value is sealed with AES-256-GCM under a random nonce and bound to the place where it is
// stored. It names the key that sealed it, so that a new key can take over while old keys still
// open the values they sealed. Keys and ciphertexts are Tink's
// (https://developers.google.com/tink), because ids, rotation and associated data are easy to get
// almost right. Tink adds 0.6 MB to the binary, since the metrics already bring protobuf.
//
// The keys are in a file of their own, beside the data. That protects a copy of the database: a
// backup, a snapshot, a discarded disk, an SQL injection that reads. It does not protect against a
// reader of the key file. For that, an external master key encrypts the key file; then reading
// secrets takes both the file and the master key, or the memory of the process.
//
// Known weak points: a random 96-bit nonce allows about four billion seals per key, far more than
// configuration ever needs. Anyone who can write to the database can store an unencrypted secret of
// their own, see Keyring.Open.
package secret

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Sealed values begin with a version byte. Values stored before encryption existed are JSON
// objects, which begin with a brace.
//
//	1 | Tink: 1, key id (4 bytes, big endian), nonce (12), ciphertext, tag (16)
const (
	version   = 1
	plainMark = '{'
	tinkStart = 1     // "TINK" output prefix, https://developers.google.com/tink/wire-format
	idEnd     = 1 + 5 // end of the key id in a sealed value
)

// Reasons why a sealed value does not open; errors of Open wrap one of them.
var (
	// ErrUnknownKey means that the key file lacks the key that sealed the value: the file is from
	// another installation, or not the newest backup.
	ErrUnknownKey = errors.New("it was sealed with a key that is missing from the key file: restore the key file that belongs to this database")
	// ErrDamaged means that the value has changed since it was sealed, or was sealed for another
	// place.
	ErrDamaged = errors.New("it was changed after it was sealed, or moved here from another place")
)

// errNoFile is returned by operations that work only on keys in a file.
var errNoFile = errors.New("the keys are stored in a database that other servers also use: they cannot be replaced while those servers run")

// CheckMaster returns an error if a master key is unusable.
func CheckMaster(master []byte) error { return checkMaster(master) }

// Keyring seals and opens values. It is safe for concurrent use.
type Keyring struct {
	path string
	now  atomic.Pointer[keys]

	// unsaved reports that there was no key file and that the keys are only in memory. Save must
	// store them before they seal any value.
	unsaved atomic.Bool

	mu     sync.Mutex // one change of the key file at a time; guards master
	master []byte
}

// keys is the content of a key file, ready for use. It is immutable.
type keys struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	primary uint32
	oldest  uint32
	ids     map[uint32]bool
}

func newKeys(h *keyset.Handle) (*keys, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, err
	}
	info := h.KeysetInfo()
	k := &keys{handle: h, aead: a, primary: info.GetPrimaryKeyId(), ids: make(map[uint32]bool)}
	for i, key := range info.GetKeyInfo() { // in order of creation
		if i == 0 {
			k.oldest = key.GetKeyId()
		}
		k.ids[key.GetKeyId()] = true
	}
	return k, nil
}

// Open opens the key file at path. If the file does not exist, Open generates keys in memory, and
// Save writes them to the file before the first value is sealed. Until then the folder is
// unchanged. A start that is refused because the keys were lost, as shown by stored values that do
// not open, therefore leaves everything as it was.
//
// master, of MinMaster bytes or more, encrypts the file; nil leaves it unencrypted. An unencrypted
// file is encrypted as soon as a master key is given; only SetMaster undoes that. Errors tell the
// operator what to do and contain no keys.
func Open(path string, master []byte) (*Keyring, error) {
	k := &Keyring{path: path, master: bytes.Clone(master)}
	if err := k.open(); err != nil {
		return nil, fmt.Errorf("opening the key file %q: %w", path, err)
	}
	return k, nil
}

// Peek opens the key file at path like Open, and never writes: a file that is missing is an error, and
// one that a master key would encrypt stays as it is. The Keyring is for opening values.
func Peek(path string, master []byte) (*Keyring, error) {
	k := &Keyring{path: path, master: bytes.Clone(master)}
	err := checkMaster(master)
	if err == nil {
		_, err = k.load()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the key file %q: %w", path, err)
	}
	return k, nil
}

// Save writes new keys to the key file, creating its folder, if there was no file when the Keyring
// was opened. If another process wrote the file first, Save loads that process's keys. The file is
// durable on return. Saving twice is harmless.
func (k *Keyring) Save() error {
	if !k.unsaved.Load() {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.saveLocked(); err != nil {
		return fmt.Errorf("writing the key file %q: %w", k.path, err)
	}
	return nil
}

func (k *Keyring) saveLocked() error {
	if !k.unsaved.Load() {
		return nil
	}
	if err := k.create(k.now.Load()); err != nil {
		return err
	}
	if err := k.read(); err != nil { // the keys in the file are authoritative
		return err
	}
	k.unsaved.Store(false)
	return nil
}

// Seal encrypts a value. context names the place where it is stored (table, tenant, row); the value
// opens only with the same context.
func (k *Keyring) Seal(plain []byte, context string) ([]byte, error) {
	if err := k.Save(); err != nil {
		return nil, err
	}
	sealed, err := k.now.Load().aead.Encrypt(plain, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("sealing a secret: %w", err)
	}
	return append([]byte{version}, sealed...), nil
}

// Open decrypts a value that Seal returned for the same context. It returns a value that begins
// with a brace unchanged, because it was stored before encryption existed. Errors wrap
// ErrUnknownKey or ErrDamaged.
func (k *Keyring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) > 0 && sealed[0] == plainMark {
		return bytes.Clone(sealed), nil
	}
	id, ok := keyID(sealed)
	if !ok {
		return nil, fmt.Errorf("opening a secret: %w", ErrDamaged)
	}
	now := k.now.Load()
	if !now.ids[id] {
		return nil, fmt.Errorf("opening a secret: %w", ErrUnknownKey)
	}
	plain, err := now.aead.Decrypt(sealed[1:], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("opening a secret: %w", ErrDamaged)
	}
	return plain, nil
}

// Stale reports whether a value should be sealed again, because it is unencrypted or was not sealed
// with the newest key.
func (k *Keyring) Stale(sealed []byte) bool {
	id, ok := keyID(sealed)
	return !ok || id != k.now.Load().primary
}

// keyID returns the id of the key that sealed a value.
func keyID(sealed []byte) (uint32, bool) {
	if len(sealed) < idEnd || sealed[0] != version || sealed[1] != tinkStart {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[2:idEnd]), true
}

// maxKeys bounds the keys in a key file. Old keys are kept to open backups; without a bound the
// file would outgrow maxFile.
const maxKeys = 64

// Rotate generates a new key and writes it to the key file; from then on it seals all values. Old
// keys still open the values they sealed, which become Stale. Beyond 64 keys the oldest is removed,
// so no value in use may be Stale when Rotate is called.
func (k *Keyring) Rotate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path == "" {
		return errNoFile
	}
	err := k.saveLocked()
	var next *keys
	if err == nil {
		next, err = k.rotated()
	}
	if err == nil {
		err = k.write(next, k.master)
	}
	if err != nil {
		return fmt.Errorf("making a new key in %q: %w", k.path, err)
	}
	k.now.Store(next)
	return nil
}

func (k *Keyring) rotated() (*keys, error) {
	m := keyset.NewManagerFromHandle(k.now.Load().handle)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	if old := k.now.Load(); len(old.ids) >= maxKeys {
		if err := m.Delete(old.oldest); err != nil {
			return nil, err
		}
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return newKeys(h)
}

// SetMaster encrypts the key file with another master key or, given nil, leaves it unencrypted.
func (k *Keyring) SetMaster(master []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := checkMaster(master); err != nil {
		return err
	}
	if k.path == "" {
		return errNoFile
	}
	err := k.saveLocked()
	if err == nil {
		err = k.write(k.now.Load(), master)
	}
	if err != nil {
		return fmt.Errorf("writing the key file %q: %w", k.path, err)
	}
	k.master = bytes.Clone(master)
	return nil
}

// String returns the path and reveals no keys.
func (k *Keyring) String() string { return fmt.Sprintf("keyring %q", k.path) }
