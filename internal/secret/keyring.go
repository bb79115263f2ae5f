// Package secret keeps secrets out of sight: a Keyring encrypts them at rest, a Text does not print.
//
// The idea: what is stored is sealed with AES-256-GCM under a random nonce, bound to the place it is stored in, and
// names the key that sealed it, so that a new key can take over while the old ones still open what they sealed. Keys
// and ciphertexts are Tink's (https://developers.google.com/tink): ids, rotation and associated data are easy to get
// almost right. It adds 0.6 MB to the binary, since protobuf is there for the metrics already.
//
// The keys are in a file of their own, beside the data. That protects a copy of the database: a backup, a snapshot, a
// disk thrown away, an injected read. It does not protect from who can read the key file as well; for that, a master
// key from outside encrypts the key file, and then only who has both, or the memory of the process, reads secrets.
//
// Known weak points: a random 96-bit nonce allows some four billion seals by one key, far more than configuration
// ever has; who can write the database can put a secret of their own in clear, see Keyring.Open.
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

// Sealed values begin with a version byte. Values stored before there was encryption are JSON objects, which begin
// with a brace.
//
//	1 | Tink: 1, key id (4 bytes, big endian), nonce (12), ciphertext, tag (16)
const (
	version   = 1
	plainMark = '{'
	tinkStart = 1     // "TINK" output prefix, https://developers.google.com/tink/wire-format
	idEnd     = 1 + 5 // where the key id ends in a sealed value
)

// Why a sealed value does not open; Open's errors wrap one of them.
var (
	// ErrUnknownKey means that the value was sealed with a key that is not in the key file: it is another
	// installation's, or not the newest backup of this one's.
	ErrUnknownKey = errors.New("it was sealed with a key that the key file does not hold; put back the key file that belongs to this database")
	// ErrDamaged means that the value has changed since it was sealed, or was sealed for another place.
	ErrDamaged = errors.New("it has been changed since it was sealed, or moved here from another place")
)

// errNoFile is returned for what only keys in a file can do.
var errNoFile = errors.New("the keys are kept in a database, which other servers use, too: they cannot be replaced while they run")

// CheckMaster tells what is wrong with a master key, nil for nothing.
func CheckMaster(master []byte) error { return checkMaster(master) }

// Keyring seals and opens. It is safe for concurrent use.
type Keyring struct {
	path string
	now  atomic.Pointer[keys]

	// unsaved tells that there was no key file and the keys are in memory only. Nothing is sealed with them before Save.
	unsaved atomic.Bool

	mu     sync.Mutex // one change of the key file at a time; guards master
	master []byte
}

// keys is a key file's content, ready for use. It is immutable.
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
	for i, key := range info.GetKeyInfo() { // in the order they were made in
		if i == 0 {
			k.oldest = key.GetKeyId()
		}
		k.ids[key.GetKeyId()] = true
	}
	return k, nil
}

// Open opens the key file at path. If it is not there, new keys are made, which nothing is sealed with before they are
// durable in the file: Save writes it. Until then Open leaves no trace, so that a start that finds out that the keys were
// lost, because they do not open what is stored, is refused with everything as it was. master, of MinMaster bytes or
// more, encrypts the file; nil leaves it in clear. A file in clear is encrypted as soon as a master key is given; nothing
// undoes that but SetMaster. Errors say what to do and hold no keys.
func Open(path string, master []byte) (*Keyring, error) {
	k := &Keyring{path: path, master: bytes.Clone(master)}
	if err := k.open(); err != nil {
		return nil, fmt.Errorf("opening the key file %q: %w", path, err)
	}
	return k, nil
}

// Save writes new keys into the key file, and makes its folder, if there was no file when the Keyring was opened. Another
// process may have been first; its keys are then taken over. The file is durable on return. Saving twice is harmless.
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
	if err := k.read(); err != nil { // what counts is in the file
		return err
	}
	k.unsaved.Store(false)
	return nil
}

// Seal encrypts a value. context says where it is stored (table, tenant, row): the value opens only with the same.
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

// Open decrypts a value that Seal returned for the same context. A value that begins with a brace was stored before
// there was encryption and is returned as it is. Errors wrap ErrUnknownKey or ErrDamaged.
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

// Stale tells that a value is to be sealed again: it is in clear, or not sealed with the newest key.
func (k *Keyring) Stale(sealed []byte) bool {
	id, ok := keyID(sealed)
	return !ok || id != k.now.Load().primary
}

// keyID returns the id of the key that a value was sealed with.
func keyID(sealed []byte) (uint32, bool) {
	if len(sealed) < idEnd || sealed[0] != version || sealed[1] != tinkStart {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[2:idEnd]), true
}

// maxKeys is how many keys a key file holds. Old ones are there to open backups; without a bound they would outgrow
// what is read of the file.
const maxKeys = 64

// Rotate makes a new key that seals from now on, and writes the key file before it does. Old keys still open; what
// they sealed is Stale. Of more than 64 keys the oldest goes: nothing that counts may be Stale when Rotate is called.
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

// SetMaster encrypts the key file with another master key, or, with nil, leaves it in clear.
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

// String tells nothing of the keys.
func (k *Keyring) String() string { return fmt.Sprintf("keyring %q", k.path) }
