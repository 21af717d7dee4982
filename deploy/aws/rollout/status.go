package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Status prints a line for each stack, and what of the server's config the stacks say.
// It reports whether all are there and well.
func (r *Rollout) Status(ctx context.Context) (well bool, err error) {
	known, err := r.known(ctx)
	if err != nil {
		return false, err
	}
	well = true
	wanted := r.Settings.stacks()
	for _, s := range wanted {
		there := known[s.Name]
		if there == nil {
			well = false
			r.say(r.short(s.Name), "not there: lockkeeper aws up makes it")
			continue
		}
		state, image := string(there.StackStatus), parameters(there)["ImageUri"]
		if image != "" {
			image = ", image " + image
		}
		if state != "CREATE_COMPLETE" && state != "UPDATE_COMPLETE" {
			well = well && state == "UPDATE_ROLLBACK_COMPLETE" // as it was before the update that failed
			state += " (" + aws.ToString(there.StackStatusReason) + ")"
		}
		r.say(r.short(s.Name), "%s%s", state, image)
		delete(known, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		r.say(r.short(name), "%s, and not in the file: lockkeeper aws down removes it with the others", known[name].StackStatus)
	}
	if !well {
		return false, nil
	}
	text, err := r.ServerConfig(ctx)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(r.Out, "\n%s", text)
	return true, nil
}

// ServerConfig is what of the server's config the stacks say.
func (r *Rollout) ServerConfig(ctx context.Context) (string, error) {
	all, shared := r.Settings.stacks(), map[string]string{}
	var b strings.Builder
	key := func(indent, name, value string) { fmt.Fprintf(&b, "%s%s: %s\n", indent, name, value) }
	for _, s := range all[:2] {
		there, err := r.look(ctx, s.Name)
		if err != nil {
			return "", err
		}
		maps.Copy(shared, outputs(there))
	}
	b.WriteString("engine: aws\nartifacts: s3\naws:\n")
	key("  ", "region", r.Settings.Region)
	for _, k := range [][2]string{
		{"bucket", "Bucket"}, {"state_machine", "StateMachine"}, {"status_queue", "StatusQueue"}, {"dead_letter_queue", "StatusDeadLetterQueue"},
		{"plan_queue", "PlanJobQueue"}, {"apply_queue", "ApplyJobQueue"}, {"log_group", "JobLogGroup"},
	} {
		key("  ", k[0], shared[k[1]])
	}
	b.WriteString("environments:\n")
	for _, s := range all[2:] {
		there, err := r.look(ctx, s.Name)
		if err != nil {
			return "", err
		}
		out := outputs(there)
		fmt.Fprintf(&b, "  %s:\n    aws:\n", s.Parameters["Environment"])
		for _, k := range [][2]string{
			{"plan_definition", "PlanJobDefinition"}, {"apply_definition", "ApplyJobDefinition"}, {"plan_role_id", "PlanRoleId"}, {"apply_role_id", "ApplyRoleId"},
			{"function", "PlanFunction"}, {"function_role_id", "FunctionRoleId"}, {"plan_queue", "OwnPlanJobQueue"}, {"apply_queue", "OwnApplyJobQueue"},
		} {
			if out[k[1]] != "" {
				key("      ", k[0], out[k[1]])
			}
		}
	}
	return b.String(), nil
}
