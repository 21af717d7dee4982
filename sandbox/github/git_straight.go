package github

// maxStraight is how far back two histories are followed without a process.
const maxStraight = 500

// parting is where two histories part, and what each has behind that, newest first.
type parting struct {
	base        string // "" when they have nothing in common
	left, right []string
}

// straight finds where the histories of two commits part when neither has a merge up to there. ok is false when it does,
// or is long: then git must be asked.
func (g *gitRepo) straight(a, b string) (p parting, ok bool) {
	sides := [2][]string{{a}, {b}}
	at := [2]map[string]int{{a: 0}, {b: 0}}
	ended := [2]bool{}
	for range maxStraight {
		for side := range sides {
			last := sides[side][len(sides[side])-1]
			if i, met := at[1-side][last]; met {
				sides[side], sides[1-side] = sides[side][:len(sides[side])-1], sides[1-side][:i]
				return parting{last, sides[0], sides[1]}, true
			}
			if ended[side] {
				continue
			}
			c, err := g.commit(last)
			if err != nil || len(c.parents) > 1 {
				return parting{}, false
			}
			if ended[side] = len(c.parents) == 0; !ended[side] {
				at[side][c.parents[0]] = len(sides[side])
				sides[side] = append(sides[side], c.parents[0])
			}
		}
		if ended[0] && ended[1] {
			if _, met := at[0][sides[1][len(sides[1])-1]]; !met {
				return parting{"", sides[0], sides[1]}, true
			}
		}
	}
	return parting{}, false
}
