package filter

import (
	_ "embed"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// zoneNames lists the time zones that filters may use, those of the IANA database 2025b. Without
// this list, CEL would open a file by any name that an event contains.
//
//go:embed zones.txt
var zoneNames string

var zones = sync.OnceValue(func() map[string]*zone {
	known := make(map[string]*zone)
	for name := range strings.FieldsSeq(zoneNames) {
		known[name] = new(zone)
	}
	return known
})

// zone is a time zone, loaded on first use.
type zone struct {
	once sync.Once
	err  error
}

// knownZones restricts the time zones of timestamp functions to the names in the list and offsets
// such as +01:00. It is an interpreter.InterpretableDecoratorV2.
func knownZones(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || !timeFunctions[call.Function()] || len(call.Args()) != 2 {
		return i, nil
	}
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
		if len(values) != 2 {
			return types.NoSuchOverloadErr()
		}
		at, ok := values[0].(types.Timestamp)
		if !ok {
			return types.MaybeNoSuchOverloadErr(values[0])
		}
		if name, is := values[1].(types.String); is && !strings.Contains(string(name), ":") {
			known := zones()[string(name)]
			if known == nil {
				return types.NewErr("a time zone has an unknown name")
			}
			known.once.Do(func() { _, known.err = time.LoadLocation(string(name)) })
			if known.err != nil {
				return types.NewErr("the time zone %s is not installed on this machine", string(name))
			}
		}
		return at.Receive(call.Function(), call.OverloadID(), values[1:])
	}), nil
}

// timeFunctions lists the functions whose second argument is a time zone.
var timeFunctions = map[string]bool{
	"getFullYear": true, "getMonth": true, "getDate": true, "getDayOfMonth": true, "getDayOfWeek": true, "getDayOfYear": true,
	"getHours": true, "getMinutes": true, "getSeconds": true, "getMilliseconds": true,
}
