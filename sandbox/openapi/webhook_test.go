package openapi

import (
	"strings"
	"testing"
)

const user = `{"login":"octo","id":1,"node_id":"n","avatar_url":"","gravatar_id":"","url":"","html_url":"","followers_url":"",
	"following_url":"","gists_url":"","starred_url":"","subscriptions_url":"","organizations_url":"","repos_url":"","events_url":"",
	"received_events_url":"","type":"User","site_admin":false}`

func TestWebhooks(t *testing.T) {
	account := `{"changes":{"login":{"from":"old"}},"action":"renamed","target_type":"User","installation":{"id":1,"node_id":"n"},"account":`
	for name, test := range map[string]struct{ event, payload, want string }{
		"right":                        {"installation_target", account + user + `}`, ""},
		"id as text":                   {"installation_target", account + strings.Replace(user, `"id":1`, `"id":"1"`, 1) + `}`, "/account/id: got string, want integer"},
		"missing part":                 {"installation_target", `{"action":"renamed"}`, "missing properties"},
		"null for what cannot be null": {"installation_target", account + `null}`, "/account: got null, want object"},
		"unknown action":               {"issue_comment", `{"action":"shouted"}`, "no such event and action"},
		"unknown event":                {"comment", `{"action":"created"}`, "no such event and action"},
		"no object":                    {"push", `[]`, "not a JSON object"},
		"empty push":                   {"push", `{}`, "missing properties"},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			NewChecker(load(t), func(v string) { found = append(found, v) }).Webhook(test.event, []byte(test.payload))
			all := strings.Join(found, "\n")
			if (test.want == "") != (all == "") || !strings.Contains(all, test.want) {
				t.Errorf("got %q, want %q", all, test.want)
			}
		})
	}
}

// Every schema must compile, not only those that some test happens to need.
func TestEverySchemaCompiles(t *testing.T) {
	spec := load(t)
	for _, o := range spec.operations {
		if body, ok := o.doc["requestBody"].(object); ok && jsonSchema(body) != nil {
			if _, err := spec.schema(o.pointer + "/requestBody" + jsonContent); err != nil {
				t.Error(err)
			}
		}
		for code, response := range o.doc["responses"].(object) {
			if _, isRef := response.(object)["$ref"]; isRef || jsonSchema(response.(object)) == nil {
				continue
			}
			if _, err := spec.schema(o.pointer + "/responses/" + code + jsonContent); err != nil {
				t.Error(err)
			}
		}
	}
	for key := range spec.doc["x-webhooks"].(object) {
		if _, err := spec.schema("#/x-webhooks/" + key + "/post/requestBody" + jsonContent); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := parse(); err != nil {
			b.Fatal(err)
		}
	}
}
