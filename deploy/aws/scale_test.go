package deploy

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// Each sum of docs/scale.md is what its line says: plans a day × 30 × the cost of
// a plan, all parts together, and the same with Fargate at its full price.
func TestTheSumsOfTheScalePageAreRight(t *testing.T) {
	table, _, _ := strings.Cut(after(t, read(t, "docs/scale.md"), "## Cost of 30 days"), "\n\nFree tiers")
	rows := map[string][]float64{}
	var together [4]float64
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name, numbers := strings.Trim(cells[0], " *"), []float64{}
		for _, cell := range cells[1:] {
			n, err := strconv.ParseFloat(strings.ReplaceAll(strings.Trim(cell, " *"), ",", ""), 64)
			if err == nil {
				numbers = append(numbers, n)
			}
		}
		if len(numbers) != 4 {
			continue
		}
		rows[name] = numbers
		rounded := []float64{0.005, 0.5, 0.5} // to cents, to dollars
		for i, plans := range []float64{100, 10_000, 1_000_000} {
			if want, got := plans*30*numbers[0], numbers[i+1]; math.Abs(got-want) > rounded[i]+0.006*want {
				t.Errorf("%s: %v plans a day cost %v, and the table says %v", name, plans, want, got)
			}
		}
		if len(rows) < 10 { // a part
			for i, n := range numbers {
				together[i] += n
			}
		}
	}
	spot, rest := rows["Fargate Spot"], rows["on Spot"]
	if len(rows) != 12 || len(spot) != 4 || len(rest) != 4 {
		t.Fatalf("the table has the rows %v", rows)
	}
	for i, want := range together {
		want := map[string]float64{"on Spot": want, "none on Spot (Fargate × 1 / 0.3)": want - spot[i] + spot[i]/0.3}
		for name, want := range want {
			if got := rows[name][i]; math.Abs(got-want) > math.Max(0.006*want, 0.00001) {
				t.Errorf("%s: the parts are %v together, and the table says %v", name, want, got)
			}
		}
	}
}
