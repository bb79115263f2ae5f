package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// MinMaster is the minimum length of a master key in bytes. The key is used directly, not stretched
// like a password, so it must be random: "openssl rand -hex 32" generates a good one.
const MinMaster = 32

const (
	fileFormat = 1
	saltBytes  = 16
	maxFile    = 1 << 20 // bytes; a key takes about 100
	fileNote   = "Relay's encryption keys. Without this file the secrets in the database are lost; with it they can be read. Keep a copy separate from the database's backups."
)

// keyFile is the content of the key file. It is JSON so that a person who finds one can tell what
// it is for.
type keyFile struct {
	Note   string `json:"note"`
	Format int    `json:"relayKeyFile"`
	// Keyset is Tink's binary keyset: a Keyset in plain text, or an EncryptedKeyset if there is a
	// Salt.
	Keyset []byte `json:"keyset"`
	// Salt makes the key derived from the master key different for each file.
	Salt []byte `json:"salt,omitempty"`
}

var (
	errNeedsMaster = errors.New("it is encrypted with a master key: set RELAY_SECRET_KEY to that key")
	errWrongMaster = errors.New("RELAY_SECRET_KEY is not the master key that encrypted it, or the file is damaged: set the right key, or restore the file from a backup")
	errNotKeyFile  = errors.New("it is not a Relay key file, or it is damaged: restore it from a backup")
)

func checkMaster(master []byte) error {
	if len(master) > 0 && len(master) < MinMaster {
		return fmt.Errorf("the master key (RELAY_SECRET_KEY) has %d bytes, it must have at least %d: \"openssl rand -hex 32\" generates a good one", len(master), MinMaster)
	}
	return nil
}

// open reads the key file, or generates keys if there is no file.
func (k *Keyring) open() error {
	if err := checkMaster(k.master); err != nil {
		return err
	}
	err := k.read()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	fresh, err := newKeys(h)
	if err != nil {
		return err
	}
	k.now.Store(fresh)
	k.unsaved.Store(true)
	return nil
}

// read loads the keys from the key file, and encrypts a file that a master key does not encrypt yet.
func (k *Keyring) read() error {
	encrypted, err := k.load()
	if err == nil && len(k.master) > 0 && !encrypted {
		err = k.write(k.now.Load(), k.master)
	}
	return err
}

// load loads the keys from the key file, and says whether a master key encrypts it.
func (k *Keyring) load() (encrypted bool, err error) {
	b, mode, err := readKeyFile(k.path)
	if err != nil {
		return false, err
	}
	var f keyFile
	if json.Unmarshal(b, &f) != nil || f.Format == 0 {
		return false, errNotKeyFile
	}
	if f.Format > fileFormat {
		return false, fmt.Errorf("it was written by a newer Relay (format %d); this Relay reads format %d", f.Format, fileFormat)
	}
	if err := checkMode(mode, f.Salt != nil); err != nil {
		return false, fmt.Errorf("%w: chmod 600 %q", err, k.path)
	}
	h, err := f.decode(k.master)
	if err != nil {
		return false, err
	}
	now, err := newKeys(h)
	if err != nil {
		return false, errNotKeyFile
	}
	k.now.Store(now)
	return f.Salt != nil, nil
}

// checkMode rejects permissions that expose the keys. The group may read a file that a master key
// encrypts, because some platforms make all files of a volume readable by its group. Windows has no
// such permissions to check.
func checkMode(mode fs.FileMode, encrypted bool) error {
	switch {
	case runtime.GOOS == "windows":
	case !mode.IsRegular():
		return errors.New("it is not a file")
	case mode.Perm()&0o007 != 0:
		return fmt.Errorf("everybody on this machine may read or change it (mode %04o)", mode.Perm())
	case mode.Perm()&0o070 != 0 && !encrypted:
		return fmt.Errorf("its group may read or change it (mode %04o), and no master key (RELAY_SECRET_KEY) encrypts it", mode.Perm())
	}
	return nil
}

func readKeyFile(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	return b, st.Mode(), err
}

// create writes a key file with new keys, unless another process has created one.
func (k *Keyring) create(fresh *keys) error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a file.
	return k.place(fresh.handle, k.master, func(from, to string) error {
		if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
			return os.Rename(from, to) // some file systems have no hard links
		}
		return nil
	})
}

// write replaces the key file.
func (k *Keyring) write(now *keys, master []byte) error {
	return k.place(now.handle, master, os.Rename)
}

// place writes a temporary file beside the key file, syncs it, and moves it into place.
func (k *Keyring) place(h *keyset.Handle, master []byte, move func(from, to string) error) error {
	if k.path == "" {
		return errors.New("the keys are stored in a database, where they cannot be changed")
	}
	b, err := encode(h, master)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(k.path), filepath.Base(k.path)+".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := move(tmp.Name(), k.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(k.path))
}

// syncDir makes the entries of a folder durable: if a power cut lost the key file, all secrets
// would be lost with it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be opened there; NTFS logs such changes
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func encode(h *keyset.Handle, master []byte) ([]byte, error) {
	f := keyFile{Note: fileNote, Format: fileFormat}
	var b bytes.Buffer
	if len(master) == 0 {
		if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b)); err != nil {
			return nil, err
		}
	} else {
		f.Salt = make([]byte, saltBytes)
		rand.Read(f.Salt) // never fails, see crypto/rand
		wrap, err := wrapper(master, f.Salt)
		if err != nil {
			return nil, err
		}
		if err := h.Write(keyset.NewBinaryWriter(&b), wrap); err != nil {
			return nil, err
		}
	}
	f.Keyset = b.Bytes()
	out, err := json.MarshalIndent(f, "", "  ")
	return append(out, '\n'), err
}

// decode returns the keys. It does not wrap causes: they do not help the operator, and they are
// about keys.
func (f *keyFile) decode(master []byte) (*keyset.Handle, error) {
	r := keyset.NewBinaryReader(bytes.NewReader(f.Keyset))
	switch {
	case f.Salt == nil:
		h, err := insecurecleartextkeyset.Read(r)
		if err != nil {
			return nil, errNotKeyFile
		}
		return h, nil
	case len(master) == 0:
		return nil, errNeedsMaster
	}
	wrap, err := wrapper(master, f.Salt)
	if err != nil {
		return nil, err
	}
	h, err := keyset.Read(r, wrap)
	if err != nil {
		return nil, errWrongMaster
	}
	return h, nil
}

// wrapper returns the cipher that encrypts key files with a master key: AES-256-GCM under a key
// that HKDF (RFC 5869) derives.
func wrapper(master, salt []byte) (tink.AEAD, error) {
	key, err := hkdf.Key(sha256.New, master, salt, "relay key file 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	return masterAEAD{gcm}, err
}

// masterAEAD adapts a cipher.AEAD to Tink's interface.
type masterAEAD struct{ gcm cipher.AEAD }

func (m masterAEAD) Encrypt(plain, ad []byte) ([]byte, error) {
	return m.gcm.Seal(nil, nil, plain, ad), nil
}

func (m masterAEAD) Decrypt(sealed, ad []byte) ([]byte, error) {
	return m.gcm.Open(nil, nil, sealed, ad)
}
