package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

var (
	errSharedNeedsMaster = errors.New("the keys of this database are encrypted with a master key: set RELAY_SECRET_KEY to the other servers' key")
	errSharedWrongMaster = errors.New("RELAY_SECRET_KEY is not the master key that encrypted the keys of this database: set it to the other servers' key")
	errSharedDamaged     = errors.New("the keys stored in the database are damaged, or were written by a newer Relay")
)

// OpenShared opens the keys of servers that share a database. With a master key, the database holds
// the keys, encrypted like a key file, so that every server with the master key has them. Without a
// master key, the keys stay in the file at path, and each server needs a copy of it.
//
// kept is the value stored in the database, nil if there is none; keep is the value to store there
// from now on. If the database holds no keys yet, OpenShared takes those of the file at path or,
// without a file, generates new ones. A keyring stored in a database cannot be rotated.
func OpenShared(path string, master, kept []byte) (k *Keyring, keep []byte, err error) {
	if err := checkMaster(master); err != nil {
		return nil, nil, err
	}
	switch {
	case len(master) == 0 && kept != nil:
		return nil, nil, errSharedNeedsMaster
	case len(master) == 0:
		k, err = Open(path, nil)
		return k, nil, err
	case kept != nil:
		var f keyFile
		if json.Unmarshal(kept, &f) != nil || f.Format != fileFormat || f.Salt == nil {
			return nil, nil, errSharedDamaged
		}
		h, err := f.decode(master)
		if errors.Is(err, errWrongMaster) {
			err = errSharedWrongMaster
		}
		if err != nil {
			return nil, nil, err
		}
		k, err = inMemory(h)
		return k, kept, err
	}
	_, err = os.Stat(path)
	var h *keyset.Handle
	switch {
	case err == nil:
		file, err := Open(path, master)
		if err != nil {
			return nil, nil, err
		}
		h = file.now.Load().handle
	case errors.Is(err, fs.ErrNotExist):
		if h, err = keyset.NewHandle(aead.AES256GCMKeyTemplate()); err != nil {
			return nil, nil, fmt.Errorf("making keys: %w", err)
		}
	default:
		return nil, nil, fmt.Errorf("looking for a key file: %w", err)
	}
	if keep, err = encode(h, bytes.Clone(master)); err != nil {
		return nil, nil, fmt.Errorf("encrypting the keys: %w", err)
	}
	k, err = inMemory(h)
	return k, keep, err
}

// inMemory returns a keyring without a file.
func inMemory(h *keyset.Handle) (*Keyring, error) {
	now, err := newKeys(h)
	if err != nil {
		return nil, errSharedDamaged
	}
	k := &Keyring{}
	k.now.Store(now)
	return k, nil
}
