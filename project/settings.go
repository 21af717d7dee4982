package project

// Settings is what the server's config says about a project, beyond the repository's own files.
type Settings struct {
	Backend   map[string]string // what terraform init gets as -backend-config
	Tofu      bool              // OpenTofu runs it
	Variables []string          // names of Terraform's variables that the server gives a value
}

// OwnSettings is what lockkeeper.yml says about p, where no server is configured.
func OwnSettings(p Project) Settings { return Settings{Backend: p.BackendConfig, Tofu: p.Tofu != ""} }
