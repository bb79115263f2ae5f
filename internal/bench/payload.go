package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// sample is an event as published, with gaps for the parts that differ each time, so that sending
// it costs a copy and a few digits.
type sample struct {
	text   []byte
	to     int // start of the type's last part, which is an address
	sentAt int // start of the 19 digits of data.sentAt
	sid    int // start of the 12 digits of the counter in data.sid
	data   int // start of data, which ends before the last byte
}

const (
	sentAtDigits = 19 // unix nanoseconds have 19 digits from 2001 to 2286
	sidDigits    = 12
	// MinEventSize is the minimum size of an event's data: the fields of call.completed take that
	// much.
	MinEventSize = 640
)

// poolSize is the number of different events. Each is used again only after all others, and with
// another id, so that compressed blocks and caches do not contain the same text twice: identical
// events would make storage look better than it is.
const poolSize = 4096

// address identifies the recipient of an event: the last part of its type, to which the webhooks
// subscribe by name.
type address [6]byte

// endpoint is the address of one endpoint.
func endpoint(n int) address { return newAddress('e', n) }

// group is the address of several endpoints that all get the event.
func group(n int) address { return newAddress('g', n) }

func newAddress(letter byte, n int) address {
	a := address{letter}
	putDigits(a[1:], uint64(n))
	return a
}

// newSamples generates a pool of n different events with data of size bytes each, built like the
// example of call.completed in call-webhooks.txt. The texts consist of numbers and words of an
// imagined switchboard, from a fixed seed. prefix begins the events' type: "bench".
func newSamples(prefix string, size, n int) []sample {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]sample, n)
	for i := range list {
		list[i] = newSample(r, prefix, size)
	}
	return list
}

func newSample(r *rand.Rand, prefix string, size int) sample {
	var b strings.Builder
	var s sample
	fmt.Fprintf(&b, `{"type":"%s.`, prefix)
	s.to = b.Len()
	b.WriteString(`e00000","data":`)
	s.data = b.Len()
	b.WriteString(`{"sentAt":`)
	s.sentAt = b.Len()
	b.WriteString(strings.Repeat("1", sentAtDigits))
	b.WriteString(`,"sid":"CA` + hexDigits(r, 20))
	s.sid = b.Len()
	b.WriteString(strings.Repeat("0", sidDigits))

	start := time.Unix(1778000000+r.Int64N(5_000_000), 0).UTC()
	seconds := 20 + r.IntN(600)
	fmt.Fprintf(&b, `","tenantId":"tnt_%s","caller":"+1%010d","callerName":"%s %s","calledLine":"+1%010d","duration":%d,"billableMinutes":%d,"startedAt":%q,"endedAt":%q,"endReason":%q,`,
		hexDigits(r, 12), r.Int64N(1e10), title(pick(r, words)), title(pick(r, words)), r.Int64N(1e10), seconds, (seconds+59)/60,
		start.Format(time.RFC3339), start.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339),
		pick(r, []string{"caller-hangup", "agent-hangup", "transferred", "no-answer"}))
	fmt.Fprintf(&b, `"urgency":"normal","mode":%q,"appointmentsBooked":[],"transcriptUrl":"https://calls.example.com/api/calls/CA%s/transcript","redirect":null,"summary":"`,
		pick(r, []string{"receptionist", "assistant"}), hexDigits(r, 32))

	room := size - (b.Len() - s.data) - len(`"}`)
	for room > 0 {
		word := pick(r, words)
		if r.IntN(9) == 0 { // names, amounts and numbers are not dictionary words
			word = strconv.FormatInt(r.Int64N(1e7), 36)
		}
		word = (word + " ")[:min(len(word)+1, room)]
		b.WriteString(word)
		room -= len(word)
	}
	b.WriteString(`"}}`)
	s.text = []byte(b.String())
	return s
}

// put appends the event with its address, send time (unix nanoseconds) and number filled in.
func (s *sample) put(dst []byte, to address, sentAt int64, number uint64) []byte {
	at := len(dst)
	dst = append(dst, s.text...)
	text := dst[at:]
	copy(text[s.to:], to[:])
	putDigits(text[s.sentAt:s.sentAt+sentAtDigits], uint64(sentAt))
	putDigits(text[s.sid:s.sid+sidDigits], number)
	return dst
}

// dataOf returns the data within a text appended by put.
func (s *sample) dataOf(text []byte) []byte { return text[s.data : len(text)-1] }

// putDigits fills dst with the decimal digits of n, zeros first.
func putDigits(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func hexDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

// words are the vocabulary of callers.
var words = strings.Fields(`
about account address after again agreed almost already also always amount another answer anybody apartment appointment
april arrange asked assistant august available back balance before better between billing booked boiler branch breakfast
broken budget building business cable called caller campaign cancel card careful carpet ceiling certain change charge check
city claim clean clinic close coffee collect comes company complaint confirm contact contract copy correct cost counter
couple cover customer damage date daughter day deadline december deliver dentist deposit desk detail different dinner
direct discount doctor document door down early east electric email emergency employee engine enough evening every exact
explain extra family february filter final finance finish first fixed flight floor forgot form found friday front full
garage garden gave general glass going good group guest half happy hard have heard heating help here hold home hour house
however important include increase information inside inspection install instead insurance interest invoice issue january
job july june keep kitchen know lamp language large last late later lawyer leak least leave left letter licence light
line list little loan local long lost lunch machine mail main maintenance manager march matter maybe meeting member
message middle might minute missing mobile monday money month more morning mortgage most mother move much name near need
never new next night noon normal north note nothing notice november number october offer office often old online only open
option order other outside over owner package paint paper parcel parking part party past payment pending people perhaps
period person phone pick pipe plan please plumber point policy possible power prefer pressure price printer problem
product promise proposal provide pump quarter question quick quote radiator rather reach ready really reason receipt
recent refund regular reminder rent repair reply report request reserve return review right road roof room safe said
same saturday schedule school second secretary see send september serial service seven several short should shower sign
since sister slow small some soon south spare speak special spring stairs start statement station still storage street
subscription such summer sunday supplier support sure switch system table taken talk tank team technician tenant test
thank their thing thirty thursday ticket time today together told tomorrow total town traffic train transfer travel tree
tuesday twelve twice under unit until update upstairs urgent usual valve van very visit voice wait wall want warranty
washing water wednesday week welcome west wheel where while whole why window winter wish with without woman word work
worried would write wrong yard year yesterday young
`)
