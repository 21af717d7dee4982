package github

import "time"

type deployment struct {
	id               int64
	repo             *repository
	creator          *account
	sha, ref, task   string
	environment      string
	description      *string
	payload          any
	app              bool // made through the App
	transient        bool
	production       bool
	created, updated time.Time
	statuses         []*deploymentStatus
}

type deploymentStatus struct {
	id                     int64
	deployment             *deployment
	creator                *account
	state, description     string
	environment            string
	logURL, environmentURL string
	created                time.Time
}
