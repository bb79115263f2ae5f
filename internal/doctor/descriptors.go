package doctor

import "fmt"

// fewFiles is the limit of open files from which the shares of connections become small.
const fewFiles = 1024

// descriptors looks at how many files the server may open.
func (r *run) descriptors() {
	limit := openFiles(r.process)
	place, whose := "", "this shell allows"
	if r.process > 0 {
		place, whose = fmt.Sprintf("process %d", r.process), "the server may open"
	}
	switch {
	case limit == 0:
	case limit < fewFiles:
		r.add(Warning, "open files", place, fmt.Sprintf("%s %d: connections to the API and to endpoints share them", whose, limit), "raise the limit to 65536: LimitNOFILE in the unit, or ulimit -n")
	default:
		r.ok("open files", place, "%s %d", whose, limit)
	}
}
