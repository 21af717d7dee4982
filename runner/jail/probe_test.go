package jail

import "testing"

func TestInJailProbeTellsTheMachine(t *testing.T) {
	missing := inMachine(t)
	report, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report) != 5 {
		t.Fatalf("%+v", report)
	}
	for _, f := range report {
		if f.Held == contains(missing, f.Property) || f.Held != (f.By != "") || f.Held != (f.Remedy == "") {
			t.Errorf("%+v", f)
		}
	}
}

// What layers cannot hold is refused before anything starts.
func TestInJailRequiredIsRefused(t *testing.T) {
	missing := inMachine(t)
	j, err := Start(t.Context(), Config{})
	if len(missing) == 0 {
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	unmet, ok := err.(*Unmet)
	if !ok || len(unmet.Missing) != len(missing) || unmet.Missing[0].Remedy == "" {
		t.Errorf("%v", err)
	}
}
