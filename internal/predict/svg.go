package predict

import (
	"bufio"
	"fmt"
	"io"
)

// Sizes of the picture, in pixels.
const (
	cell   = 18
	left   = 68 // of a panel, for the names of its rows
	top    = 78 // for the title and the names of the columns
	gap    = 22
	legend = 96
	panel  = left + (Newest-Oldest+1)*cell
	width  = 2*panel + gap + 18
	height = top + (Newest-Oldest+1)*cell + legend
)

// style has two sets of colours. The picture has a ground of its own, since the page
// around it need not be as dark as its reader's system. The extents differ in shape too.
const style = `<style>
  .ground { fill: #ffffff; stroke: #8886; stroke-width: 1 }
  text { font: 11px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .axis { font-size: 10px }
  .grid { fill: none; stroke: #8886; stroke-width: 0.5 }
  .same { fill: #8883 }
  .extent0 { fill: #2da44e }
  .extent1 { fill: #bf8700 }
  .extent2 { fill: #d4652f }
  .extent3 { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 }
    text { fill: #e6edf3 }
    .extent0 { fill: #3fb950 } .extent1 { fill: #d29922 } .extent2 { fill: #f0883e } .extent3 { fill: #da3633 }
  }
</style>
`

// WriteMatrix draws the two matrices, of stock and of patched kubelets, as an SVG.
func WriteMatrix(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" height=\"%[2]d\" role=\"img\">\n", width, height)
	fmt.Fprint(w, "<title>What an in-place upgrade of a kubelet restarts, by version, stock and with steadylet</title>\n", style, symbols)
	fmt.Fprintf(w, "<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", width-1, height-1)
	for i, patched := range []bool{false, true} {
		drawPanel(w, 6+i*(panel+gap), patched)
	}
	drawLegend(w, height-legend+26)
	fmt.Fprintln(w, "</svg>")
	return w.Flush() // which returns the error of any write before
}

func drawPanel(w io.Writer, x int, patched bool) {
	title := "stock"
	if patched {
		title = "with steadylet"
	}
	fmt.Fprintf(w, "<text class=\"title\" x=\"%d\" y=\"22\">%s</text>\n", x+left, title)
	fmt.Fprintf(w, "<text x=\"%d\" y=\"46\">to 1.x →</text>\n<text text-anchor=\"end\" x=\"%d\" y=\"%d\">from 1.x ↓</text>\n", x+left, x+left-4, top-18)
	drawGrid(w, x+left)
	for i, row := range Matrix(patched) {
		fmt.Fprintf(w, "<text class=\"axis\" text-anchor=\"end\" x=\"%d\" y=\"%d\">%d</text>\n", x+left-6, top+i*cell+13, Oldest+i)
		fmt.Fprintf(w, "<text class=\"axis\" text-anchor=\"middle\" x=\"%d\" y=\"%d\">%d</text>\n", x+left+i*cell+cell/2, top-6, Oldest+i)
		for j, extent := range row {
			drawCell(w, x+left+j*cell, top+i*cell, extent, i == j)
		}
	}
}

func drawGrid(w io.Writer, x int) {
	const size = (Newest - Oldest + 1) * cell
	fmt.Fprint(w, "<path class=\"grid\" d=\"")
	for at := 0; at <= size; at += cell {
		fmt.Fprintf(w, "M%d %dh%d M%d %dv%[3]d ", x, top+at, size, x+at, top)
	}
	fmt.Fprintln(w, "\"/>")
}

// symbols are the shapes of the extents: the more is restarted, the more of a cell is
// filled.
const symbols = `<defs>
  <circle id="e0" class="extent0" cx="9" cy="9" r="3"/>
  <path id="e1" class="extent1" d="M9 4l6 10h-12z"/>
  <path id="e2" class="extent2" d="M9 2l7 7l-7 7l-7 -7z"/>
  <rect id="e3" class="extent3" x="1" y="1" width="16" height="16" rx="2"/>
</defs>
`

// drawCell draws one pair; there is none of a version with itself, and none of a patched
// kubelet that nobody can build.
func drawCell(w io.Writer, x, y int, extent Extent, same bool) {
	switch {
	case same:
		fmt.Fprintf(w, "<rect class=\"same\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%[3]d\"/>\n", x, y, cell)
	case extent != NoSuch:
		drawExtent(w, x, y, extent)
	}
}

func drawExtent(w io.Writer, x, y int, extent Extent) {
	fmt.Fprintf(w, "<use href=\"#e%d\" x=\"%d\" y=\"%d\"/>\n", extent, x, y)
}

// drawLegend explains the shapes.
func drawLegend(w io.Writer, y int) {
	fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\">restarts:</text>\n", 6+left, y)
	x := 6 + left + 58
	for extent := None; extent <= All; extent++ {
		drawExtent(w, x, y-13, extent)
		fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\">%s</text>\n", x+cell+5, y, extent)
		x += cell + 27 + 6*len(extent.String())
	}
	for i, line := range []string{
		"Of static pods those that set no UID; of sidecars, those that a kubelet from 1.32 on finds. Nobody edits containers or manifests.",
		"Below the diagonal: the way back, from a kubelet of the same kind. Empty: there is no patched kubelet of that version.",
		"Not drawn: a container whose resizePolicy says RestartContainer. Any kubelet from 1.33 on restarts it when it comes from an older one.",
	} {
		fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\">%s</text>\n", 6+left, y+22+16*i, line)
	}
}
