package journey

import (
	"regexp"
	"slices"
	"time"
)

// Bounds of a document.
const (
	// MaxDocument bounds a document, in bytes.
	MaxDocument = 64 << 10
	maxSteps    = 100
	maxDepth    = 8
	maxWait     = 366 * 24 * time.Hour
	maxCases    = 20
	maxExits    = 20
	maxName     = 40
	maxExternal = 512
)

// Definition is a version of a journey, as its document describes it. It must not be changed.
type Definition struct {
	Name     string
	Entry    EntryRule
	Exit     []ExitRule
	Settings Settings
	Steps    []*Step

	profile *expression // whom an event is about
	data    *tree       // part of each payload; nil: {}
	byName  map[string]*Step
	// references are what it names, in the order of the document.
	references []reference
	// keepsEntry tells that expressions read the event that started an enrolment, which is kept for them.
	keepsEntry bool
	waited     map[string]bool // sends whose outcome a later step reads
}

// EntryRule says who enters.
type EntryRule struct {
	Event    string // a type of events; empty: by an audience
	Audience int64
	On       Crossing
	Reentry  Reentry
	// Cooldown is the time after an entry in which the profile, by the same key, does not enter again.
	Cooldown time.Duration

	where, key *expression
}

// Crossing is a way across the border of an audience.
type Crossing string

// The ways.
const (
	Enters Crossing = "enter"
	Leaves Crossing = "leave"
)

// Reentry says whether a profile may be in a journey again.
type Reentry string

// The rules of re-entry.
const (
	Never    Reentry = "never"    // once in a lifetime
	AfterEnd Reentry = "afterEnd" // when it is no longer inside
	Always   Reentry = "always"   // also while it is inside: a run of its own for each event, or each key
)

// ExitRule takes a profile out, wherever it stands. One of Event, In, NotIn and when is set.
type ExitRule struct {
	Event     string
	In, NotIn int64 // audiences

	where, match, when *expression
	words              string
}

// Settings hold for a whole journey.
type Settings struct {
	// Zone is that of profiles whose own zone is not known.
	Zone  *time.Location
	Quiet *QuietHours // nil: none
	Cap   *Cap        // nil: none

	zone *expression // the name of a profile's zone; nil: Zone
}

// Overrun says what becomes of a send that must not be made now.
type Overrun string

// The choices.
const (
	Defer Overrun = "defer" // it is made later
	Skip  Overrun = "skip"  // it is left out
)

// QuietHours are times of day, in minutes after midnight, in which nothing is sent. Until may be before From: over midnight.
type QuietHours struct {
	From, Until int
	Then        Overrun
	Spread      time.Duration // sends that were deferred are spread over it
}

// Cap bounds how many sends of the journey a profile gets in a time.
type Cap struct {
	Count int
	Per   time.Duration
	Then  Overrun
}

// Kind is the kind of a step.
type Kind string

// The kinds.
const (
	WaitStep     Kind = "wait"
	UntilStep    Kind = "until"
	FilterStep   Kind = "filter"
	BranchStep   Kind = "branch"
	SplitStep    Kind = "split"
	SendStep     Kind = "send"
	AudienceStep Kind = "audience"
	EndStep      Kind = "end"
)

var kinds = []string{string(WaitStep), string(UntilStep), string(FilterStep), string(BranchStep), string(SplitStep), string(SendStep), string(AudienceStep), string(EndStep)}

// Step is a step of a journey. The fields of its kind are set.
type Step struct {
	Name string
	Kind Kind

	// WaitStep: one of the three.
	For   time.Duration
	At    int // minutes after midnight, where clock is set
	clock bool
	field *expression // a time
	// MaxLate is how late the journey may go on behind the wait, 0: as late as it must; later, it goes to the end.
	MaxLate time.Duration

	// UntilStep
	Event        string
	SinceEntry   bool // events count that came before the step was reached
	Timeout      time.Duration
	EndOnTimeout bool
	where, match *expression

	// FilterStep: when; BranchStep: cases, one of them perhaps without when; SplitStep: two, the first of which has Percent.
	when    *expression
	Cases   []Case
	Percent int

	// SendStep
	Connection, ExternalID string
	Operation              string
	ConsentPurpose         string
	EndOnRejected          bool
	Transactional          bool // neither quiet hours nor caps hold it back
	data                   *tree

	// AudienceStep
	Audience int64
	On       Crossing

	next *Step // nil: the end
}

// Case is a way of a branch.
type Case struct {
	Label string
	Steps []*Step

	when *expression // nil: else
}

// Next returns the step that follows, nil for the end.
func (s *Step) Next() *Step { return s.next }

// Step returns the step with the name, nil if there is none.
func (d *Definition) Step(name string) *Step { return d.byName[name] }

// first returns the name of the first step of a list, or of the one behind it; "" is the end.
func first(list []*Step, after *Step) string {
	switch {
	case len(list) > 0:
		return list[0].Name
	case after != nil:
		return after.Name
	}
	return ""
}

// link notes for each step which follows it.
func link(list []*Step, after *Step) {
	for i, s := range list {
		if s.next = after; i+1 < len(list) {
			s.next = list[i+1]
		}
		for _, c := range s.Cases {
			link(c.Steps, s.next)
		}
	}
}

// events returns the types of events that runs of this version look at; entry tells whether that of its entry is among them.
func (d *Definition) events(entry bool) (list []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if entry {
		add(d.Entry.Event)
	}
	for i := range d.Exit {
		add(d.Exit[i].Event)
	}
	for _, s := range d.byName {
		add(s.Event)
	}
	return list
}

// watches reports whether crossings of an audience concern this version.
func (d *Definition) watches(audience int64) bool {
	return d.Entry.Audience == audience || slices.ContainsFunc(d.Exit, func(x ExitRule) bool { return x.In == audience || x.NotIn == audience })
}

var stepName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,39}$`)

// outcomeRead finds the sends whose outcome an expression reads.
var outcomeRead = regexp.MustCompile(`\bsteps\s*\.\s*\??\s*([A-Za-z][A-Za-z0-9_]*)`)
