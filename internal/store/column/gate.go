package column

import (
	"encoding/json"
	"fmt"

	"github.com/relay-events/relay/internal/gate"
)

// Bytes returns b, or empty bytes for nil, which would be stored as NULL.
func Bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// OfWarnings returns the column that holds a respondent's warnings.
func OfWarnings(r *gate.Respondent) (string, error) {
	if len(r.Warnings) == 0 {
		return "", nil
	}
	b, err := json.Marshal(r.Warnings)
	return string(b), err
}

// ReadWarnings sets a respondent's warnings from the column.
func ReadWarnings(r *gate.Respondent, text string) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &r.Warnings); err != nil {
		return fmt.Errorf("warnings of respondent %d: %w", r.ID, err)
	}
	return nil
}
