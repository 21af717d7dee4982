package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (d *Double) appRoutes() []route {
	return []route{
		{operation: "GET /app", needs: asApp, handle: d.getApp},
		{operation: "GET /apps/{app_slug}", needs: asAnybody, handle: d.getAppBySlug},
		{operation: "POST /app-manifests/{code}/conversions", needs: access{anonymous: true}, handle: d.convertManifest},
	}
}

func (d *Double) deliveryRoutes() []route {
	return []route{
		{operation: "GET /app/hook/config", needs: asApp, handle: d.getHookConfig},
		{operation: "GET /app/hook/deliveries", needs: asApp, handle: d.listDeliveries},
		{operation: "GET /app/hook/deliveries/{delivery_id}", needs: asApp, handle: d.getDelivery},
		{operation: "POST /app/hook/deliveries/{delivery_id}/attempts", needs: asApp, handle: d.postRedelivery},
	}
}

func (d *Double) getApp(*call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(with(d.appJSON(), object{"installations_count": len(d.installs)}))
}

func (d *Double) getAppBySlug(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.values["app_slug"] != d.app.Slug {
		return answer{}, errNotFound()
	}
	return ok(d.appJSON())
}

func (d *Double) getHookConfig(*call) (answer, error) {
	d.hooks.mu.Lock()
	defer d.hooks.mu.Unlock()
	return ok(object{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": d.hooks.url})
}

// listDeliveries lists the newest first; the cursor is the id of the first delivery of the page.
func (d *Double) listDeliveries(c *call) (answer, error) {
	all := slices.DeleteFunc(d.Deliveries(), func(x Delivery) bool { return !x.Done })
	slices.Reverse(all)
	if cursor := c.query("cursor"); cursor != "" {
		id, err := strconv.ParseInt(strings.TrimPrefix(cursor, "v1_"), 10, 64)
		at := slices.IndexFunc(all, func(x Delivery) bool { return x.ID == id })
		if err != nil || at < 0 {
			return answer{}, &Error{Status: http.StatusUnprocessableEntity, Message: "Invalid cursor"}
		}
		all = all[at:]
	}
	per := 30
	if n := atoi(c.query("per_page")); n > 0 {
		per = min(n, 100)
	}
	list := []object{}
	for _, x := range all[:min(per, len(all))] {
		list = append(list, x.itemJSON())
	}
	a := answer{status: http.StatusOK, body: list}
	if len(all) > per {
		q := c.r.URL.Query()
		q.Set("cursor", "v1_"+itoa(all[per].ID))
		a.header = map[string]string{"Link": "<" + d.publicURL() + c.r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="next"`}
	}
	return a, nil
}

func (x *Delivery) itemJSON() object {
	o := object{
		"id": x.ID, "guid": x.GUID, "delivered_at": stamp(x.At), "redelivery": x.Redelivery, "duration": x.Duration.Seconds(),
		"status": x.Status, "status_code": x.StatusCode, "event": x.Event, "action": orNull(x.Action), "installation_id": nil,
		"repository_id": nil, "throttled_at": nil,
	}
	if x.InstallationID != 0 {
		o["installation_id"] = x.InstallationID
	}
	if x.RepositoryID != 0 {
		o["repository_id"] = x.RepositoryID
	}
	return o
}

func (d *Double) getDelivery(c *call) (answer, error) {
	id, err := c.number("delivery_id")
	if err != nil {
		return answer{}, err
	}
	for _, x := range d.Deliveries() {
		if x.ID == id && x.Done {
			return ok(with(x.itemJSON(), object{
				"url":      "",
				"request":  object{"headers": flatHeaders(x.RequestHeaders), "payload": json.RawMessage(x.Payload)},
				"response": object{"headers": flatHeaders(x.ResponseHeaders), "payload": x.ResponseBody},
			}))
		}
	}
	return answer{}, errNotFound()
}

func flatHeaders(h http.Header) object {
	flat := object{}
	for name := range h {
		flat[name] = h.Get(name)
	}
	return flat
}

// postRedelivery sends a delivery again.
func (d *Double) postRedelivery(c *call) (answer, error) {
	id, err := c.number("delivery_id")
	if err != nil {
		return answer{}, err
	}
	if !d.redeliver(id) {
		return answer{}, errNotFound()
	}
	return answer{status: http.StatusAccepted, body: object{}}, nil
}

// manifest is an App that waits to be made from its manifest.
type manifest struct {
	name        string
	hookURL     string
	permissions map[string]string
	events      []string
	expires     time.Time
}

// SubmitManifest is what "Create GitHub App" does with a manifest (JSON): it gives the code that the App's redirect URL
// receives, good for one conversion within an hour. See
// https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest.
func (d *Double) SubmitManifest(manifestJSON []byte) (code string, err error) {
	var in struct {
		Name, URL string
		Hook      struct{ URL string } `json:"hook_attributes"`
		Events    []string             `json:"default_events"`
		Grants    map[string]string    `json:"default_permissions"`
	}
	if err := json.Unmarshal(manifestJSON, &in); err != nil {
		return "", errUnprocessable("Invalid GitHub App configuration: the manifest is not JSON")
	}
	if in.Name == "" || in.URL == "" {
		return "", errUnprocessable("Invalid GitHub App configuration: name and url are required")
	}
	for _, event := range in.Events {
		if strings.HasPrefix(event, "installation") {
			return "", errUnprocessable("Invalid GitHub App configuration: Default events unsupported: %s", event)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	code = randomText(20)
	d.codes[code] = manifest{name: in.Name, hookURL: in.Hook.URL, permissions: in.Grants, events: in.Events, expires: d.now().Add(time.Hour)}
	return code, nil
}

// convertManifest makes the App: from then on it is the App that this double knows.
func (d *Double) convertManifest(c *call) (answer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	m, found := d.codes[c.values["code"]]
	delete(d.codes, c.values["code"])
	if !found || !d.now().Before(m.expires) {
		d.mu.Unlock()
		return answer{}, errNotFound()
	}
	slug := strings.Trim(strings.Map(slugRune, strings.ToLower(m.name)), "-")
	d.app = App{ID: d.id(), Slug: slug, Name: m.name, PublicKey: &key.PublicKey, Permissions: m.permissions, Events: m.events}
	d.addAccount(slug+"[bot]", kindBot)
	body := with(d.appJSON(), object{
		"client_id": d.clientID(), "client_secret": randomText(30), "webhook_secret": nil,
		"pem": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	d.mu.Unlock()
	if m.hookURL != "" {
		secret := randomText(30)
		body["webhook_secret"] = secret
		d.hooks.configure(m.hookURL, secret)
	}
	return created(body)
}

func slugRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
