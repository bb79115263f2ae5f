package gate

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/relay-events/relay/internal/csvcell"
	"github.com/relay-events/relay/internal/format"
)

// exportPage is how many respondents an export holds in memory.
const exportPage = 500

// Export writes the respondents that the query selects as CSV (RFC 4180 with plain line feeds, UTF-8), newest first, with a line of names. Limit
// and Before of the query are not used. It reads page by page, so that memory does not grow with the list; who is added
// meanwhile is left out. Each page is read within a turn, which turn waits for and leave ends; flush is called after each page.
//
// A cell that a spreadsheet would take for a formula gets an apostrophe before it: see csvcell.Text.
func (g *Gate) Export(ctx context.Context, q Query, out io.Writer, turn func() (leave func(), err error), flush func() error) error {
	g.normalize(&q)
	q.Limit, q.Before = exportPage, 0
	w := csv.NewWriter(out)
	line := []string{"id", "campaignId", "integration", "state", "createdAt"}
	for _, c := range columns {
		line = append(line, c.path)
	}
	line = append(line, "doNotContact", "custom")
	if err := w.Write(line); err != nil {
		return fmt.Errorf("writing an export: %w", err)
	}
	for {
		// Written without the turn: a client may read as slowly as it likes.
		leave, err := turn()
		if err != nil {
			return err
		}
		list, next, err := g.store.RespondentList(ctx, q)
		leave()
		if err != nil {
			return err
		}
		for i := range list {
			line = exportLine(line[:0], &list[i])
			if err := w.Write(line); err != nil {
				return fmt.Errorf("writing an export: %w", err)
			}
		}
		w.Flush()
		if err = w.Error(); err == nil {
			err = flush()
		}
		if err != nil {
			return fmt.Errorf("writing an export: %w", err)
		}
		if q.Before = next; next == 0 {
			return nil
		}
	}
}

// exportLine appends the cells of a respondent to dst.
func exportLine(dst []string, r *Respondent) []string {
	dst = append(dst, r.Public(), strconv.FormatInt(r.Campaign, 10), csvcell.Text(r.Source), r.State.String(), string(format.AppendTime(nil, r.CreatedAt)))
	p, err := ParsePayload(r.Payload)
	if err != nil {
		p = &Payload{} // it was read when it was stored
	}
	for _, c := range columns {
		dst = append(dst, csvcell.Text(*c.text(p)))
	}
	return append(dst, strconv.FormatBool(r.DoNotContact), csvcell.Text(string(p.Custom)))
}
