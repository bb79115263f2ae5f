package portal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// contrast is the ratio that WCAG 2.2 (success criterion 1.4.3) asks of text.
const contrast = 4.5

// color is a color in sRGB, each part 0 to 1.
type color struct{ r, g, b float64 }

// The backgrounds that text in the accent's color stands on in the pages' sheet: the darkest of the light ones, and the
// lightest of the dark ones, the accent's own tint aside, which is mixed to suit.
var (
	lightGround = color{0xf2 / 255., 0xf4 / 255., 0xf6 / 255.}
	darkGround  = color{0x1b / 255., 0x20 / 255., 0x24 / 255.}
	white       = color{1, 1, 1}
)

func parseColor(s string) (color, bool) {
	if len(s) != 7 || s[0] != '#' {
		return color{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return color{}, false
	}
	return color{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, true
}

func (c color) String() string {
	b := func(x float64) int { return int(math.Round(min(max(x, 0), 1) * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", b(c.r), b(c.g), b(c.b))
}

// rounded is the color as it is written.
func (c color) rounded() color {
	written, _ := parseColor(c.String())
	return written
}

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	linear := func(x float64) float64 {
		if x <= .04045 {
			return x / 12.92
		}
		return math.Pow((x+.055)/1.055, 2.4)
	}
	return .2126*linear(c.r) + .7152*linear(c.g) + .0722*linear(c.b)
}

func contrastOf(a, b color) float64 {
	x, y := a.luminance(), b.luminance()
	if x < y {
		x, y = y, x
	}
	return (x + .05) / (y + .05)
}

// mix returns part of a color in another.
func mix(a, b color, part float64) color {
	return color{a.r*part + b.r*(1-part), a.g*part + b.g*(1-part), a.b*part + b.b*(1-part)}
}

// hsl returns hue (0 to 6), saturation and lightness.
func (c color) hsl() (h, s, l float64) {
	hi, lo := max(c.r, c.g, c.b), min(c.r, c.g, c.b)
	l = (hi + lo) / 2
	d := hi - lo
	if d == 0 {
		return 0, 0, l
	}
	s = d / (1 - math.Abs(2*l-1))
	switch hi {
	case c.r:
		h = math.Mod((c.g-c.b)/d+6, 6)
	case c.g:
		h = (c.b-c.r)/d + 2
	default:
		h = (c.r-c.g)/d + 4
	}
	return h, s, l
}

func fromHSL(h, s, l float64) color {
	c := (1 - math.Abs(2*l-1)) * s
	x := c * (1 - math.Abs(math.Mod(h, 2)-1))
	m := l - c/2
	parts := [6]color{{c, x, 0}, {x, c, 0}, {0, c, x}, {0, x, c}, {x, 0, c}, {c, 0, x}}
	p := parts[int(h)%6]
	return color{p.r + m, p.g + m, p.b + m}
}

// move changes the lightness of a color in steps until ok holds for it; step is negative for darker.
func move(c color, step float64, ok func(color) bool) color {
	h, s, l := c.hsl()
	for steps := 1 + int(1/math.Abs(step)); steps > 0 && !ok(c); steps-- {
		l = min(max(l+step, 0), 1)
		c = fromHSL(h, s, l).rounded()
	}
	return c
}

// Shades are the colors that a page makes of an accent.
type Shades struct {
	Light, Dark         string // of text and links, in either theme
	LightBack, DarkBack string // behind text in the accent
	StrongLight         string // of the main button, below white
	StrongDark          string
}

// ShadesOf moves the accent in lightness until text in it, and white text on it, has a contrast of 4.5 in both themes.
func ShadesOf(accent string) Shades {
	c, ok := parseColor(accent)
	if !ok {
		c, _ = parseColor(DefaultAccent)
	}
	const step = .01
	tint := func(c, ground color) color { return mix(c, ground, .1).rounded() }
	readable := func(ground color) func(color) bool {
		return func(c color) bool {
			return contrastOf(c, ground) >= contrast && contrastOf(c, tint(c, ground)) >= contrast
		}
	}
	light, dark := move(c, -step, readable(lightGround)), move(c, step, readable(darkGround))
	below := func(c color) bool { return contrastOf(c, white) >= contrast }
	strong := move(c, -step, below)
	// In the dark the button must be seen, too: WCAG asks for 3 of what is no text.
	strongDark := move(strong, step, func(c color) bool { return contrastOf(c, darkGround) >= 3 || !below(c) })
	if !below(strongDark) {
		strongDark = move(strongDark, -step, below)
	}
	return Shades{
		Light: light.String(), Dark: dark.String(), LightBack: tint(light, lightGround).String(), DarkBack: tint(dark, darkGround).String(),
		StrongLight: strong.String(), StrongDark: strongDark.String(),
	}
}

// Moved tells which themes show an accent in another lightness than it was chosen in.
func (s Shades) Moved(accent string) (light, dark bool) {
	accent = strings.ToLower(accent)
	return s.Light != accent, s.Dark != accent
}

// SheetName is the name of the style sheet of a look, which it tells wholly: the sheet is made from its name.
func (l Look) SheetName() string {
	l = l.Over(DefaultLook)
	return fmt.Sprintf("%s-%d-%s", strings.TrimPrefix(l.Accent, "#"), *l.Radius, l.Font)
}

// Sheet returns the style sheet with the name; ok is false if it is none's.
func Sheet(name string) (css string, ok bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 {
		return "", false
	}
	l := Look{Accent: "#" + parts[0], Font: parts[2]}
	radius, err := strconv.Atoi(parts[1])
	l.Radius = &radius
	if err != nil || len(l.check("")) > 0 || l.SheetName() != name {
		return "", false
	}
	font := map[string]string{"inter": "Inter, system-ui, sans-serif", "system": "system-ui, sans-serif", "serif": `Georgia, "Times New Roman", serif`}[l.Font]
	s := ShadesOf(l.Accent)
	pair := func(light, dark string) string { return "light-dark(" + light + ", " + dark + ")" }
	return fmt.Sprintf(`@layer portal {
:root.portal, .portal-look {
	--accent: %s; --accent-bg: %s; --strong: %s; --on-strong: #fff;
	--r: %dpx; --r2: %dpx; font-family: %s;
}
}
`, pair(s.Light, s.Dark), pair(s.LightBack, s.DarkBack), pair(s.StrongLight, s.StrongDark), radius, max(radius*3/4, 0), font), true
}
