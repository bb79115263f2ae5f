package webhook

import (
	"reflect"
	"testing"
	"time"
)

func TestRetryMerge(t *testing.T) {
	growing := Retry{Attempts: 7, InitialWait: time.Minute, Factor: 2, MaxWait: time.Hour}
	listed := Retry{Attempts: 7, Waits: []time.Duration{time.Second}, MaxWait: time.Hour}
	waits := []time.Duration{time.Second, time.Minute}
	for _, tt := range []struct {
		name   string
		from   Retry
		change RetryChange
		want   Retry
	}{
		{"nothing", PushRetry(), RetryChange{}, PushRetry()},
		{"a preset starts from that alone", growing, RetryChange{Preset: new(PresetPush)}, Retry{Preset: PresetPush}},
		{"a member of a preset makes it custom", Retry{Preset: PresetRelay, Attempts: 5, InitialWait: time.Minute, Factor: 3}, RetryChange{Attempts: new(6)},
			Retry{Attempts: 6, InitialWait: time.Minute, Factor: 3}},
		{"no preset makes it custom", Retry{Preset: PresetRelay, Attempts: 5}, RetryChange{Preset: new("")}, Retry{Attempts: 5}},
		{"a preset and a member", growing, RetryChange{Preset: new(PresetPush), Attempts: new(2)}, Retry{Preset: PresetPush, Attempts: 2}},
		{"waits replace growth", growing, RetryChange{Waits: &waits}, Retry{Attempts: 7, Waits: waits, MaxWait: time.Hour}},
		{"growth replaces waits", listed, RetryChange{Factor: new(3.0)}, Retry{Attempts: 7, Factor: 3, MaxWait: time.Hour}},
		{"waits reset leave growth", growing, RetryChange{Waits: new([]time.Duration)}, growing},
		{"a member reset", growing, RetryChange{MaxWait: new(time.Duration)}, Retry{Attempts: 7, InitialWait: time.Minute, Factor: 2}},
	} {
		got := tt.from
		if got.Merge(tt.change); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
