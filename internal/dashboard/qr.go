package dashboard

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// qrQuiet is the white margin that readers need, in modules: ISO/IEC 18004 section 5.3.8.
const qrQuiet = 4

// qrCode draws a text as an SVG, black on white whatever the theme: few readers take it the other way round.
func qrCode(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("making a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := range size {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+qrQuiet, y+qrQuiet)
			}
		}
	}
	all := size + 2*qrQuiet
	return template.HTML(fmt.Sprintf(`<svg class="qr" width="%d" height="%[1]d" viewBox="0 0 %[2]d %[2]d" role="img" aria-label="QR code for your app" shape-rendering="crispEdges"><rect width="%[2]d" height="%[2]d" fill="#fff"/><path fill="#000" d="%[3]s"/></svg>`, 4*all, all, path.String())), nil //nolint:gosec // made of numbers
}
