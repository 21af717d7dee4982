package page

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"strings"
	"time"
)

// ago shows a time as people say it; the page's script keeps it current.
func (s *site) ago(at time.Time) template.HTML {
	if at.IsZero() {
		return ""
	}
	utc := at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s" data-relative>%s</time>`,
		utc.Format(time.RFC3339), utc.Format("2 Jan 2006, 15:04:05 UTC"), relative(s.now().Sub(at))))
}

// relative says how long ago something was, in its largest whole unit.
func relative(age time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}}
	for _, unit := range units {
		switch count := int(age / unit.size); {
		case count == 1:
			return "1 " + unit.name + " ago"
		case count > 1:
			return fmt.Sprintf("%d %ss ago", count, unit.name)
		}
	}
	return "now"
}

// took says how long something ran, to the second.
func took(started, completed time.Time) string {
	if started.IsZero() || completed.Before(started) {
		return ""
	}
	if age := completed.Sub(started); age >= time.Second {
		return age.Round(time.Second).String()
	}
	return "under 1 s"
}

// avatar draws a person's initials in a colour of their own; size is "" or
// "small". Apps are square, as on GitHub.
func (s *site) avatar(login, size string) template.HTML {
	tone := uint32(s.person(login)) // neighbours in the menu look different
	if s.person(login) < 0 {
		hash := fnv.New32a()
		hash.Write([]byte(login))
		tone = hash.Sum32()
	}
	class := fmt.Sprintf("avatar %s tone-%d", size, tone%6)
	if isBot(login) {
		class = "avatar bot tone-bot " + size
	}
	return template.HTML(`<span class="` + class + `" aria-hidden="true">` + template.HTMLEscapeString(initials(login)) + `</span>`)
}

// initials takes the first letters of the first two words of a login.
func initials(login string) string {
	letters := ""
	for word := range strings.SplitSeq(strings.TrimSuffix(login, "[bot]"), "-") {
		for _, letter := range word {
			letters += string(letter)
			break
		}
	}
	runes := []rune(letters)
	return string(runes[:min(2, len(runes))])
}

func isBot(login string) bool { return strings.HasSuffix(login, "[bot]") }

// short gives the form of a commit's name that people use.
func short(sha string) string { return sha[:min(7, len(sha))] }

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// icon draws a small symbol; an unknown name draws a dot.
func icon(name string) template.HTML {
	drawings := map[string]string{
		"again":      `<path d="M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5"/>`,
		"check":      `<path d="m3 8.5 3.2 3.2L13 5"/>`,
		"checks":     `<path d="m2 8.5 2.5 2.5L9 6.5M7.5 10.5l.5.5L14 5.5"/>`,
		"cross":      `<path d="m4 4 8 8M12 4l-8 8"/>`,
		"comment":    `<path d="M2.5 3.5h11v7.5H8l-3 2.7V11H2.5z"/>`,
		"commit":     `<circle cx="8" cy="8" r="2.8"/><path d="M1 8h4.2M10.8 8H15"/>`,
		"eye":        `<path d="M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8z"/><circle cx="8" cy="8" r="1.8"/>`,
		"file":       `<path d="M3.5 1.8h6l3 3v9.4h-9zM9 2v3.5h3.5M6 8.5h4M8 6.7v3.6M6 12h4"/>`,
		"merge":      `<circle cx="4" cy="3.5" r="1.7"/><circle cx="4" cy="12.5" r="1.7"/><circle cx="12" cy="8.5" r="1.7"/><path d="M4 5.2v5.6M4.2 5.2c.5 2 2.5 3.3 6 3.3"/>`,
		"neutral":    `<rect x="4" y="4" width="8" height="8" rx="1"/>`,
		"pencil":     `<path d="m2.5 13.5.7-3L10.5 3.2l2.3 2.3-7.3 7.3z"/>`,
		"play":       `<path d="M5 3.5v9l7-4.5z"/>`,
		"pull":       `<circle cx="4" cy="3.5" r="1.7"/><circle cx="4" cy="12.5" r="1.7"/><circle cx="12" cy="12.5" r="1.7"/><path d="M4 5.2v5.6M12 10.8V6a2 2 0 0 0-2-2H7.5M9.3 2 7.3 4l2 2"/>`,
		"repository": `<path d="M3 12.5V3a1.2 1.2 0 0 1 1.2-1.2H13v12.4H4.5A1.5 1.5 0 0 1 3 12.7c0-.9.7-1.5 1.5-1.5H13"/>`,
	}
	drawing, known := drawings[name]
	if !known {
		drawing = `<circle cx="8" cy="8" r="3" fill="currentColor" stroke="none"/>`
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">` + drawing + `</svg>`)
}

// splitRepo takes owner/name apart.
func splitRepo(repo string) (owner, name string) {
	owner, name, _ = strings.Cut(repo, "/")
	return owner, name
}
