package github

import "net/http"

func (d *Double) routes() http.Handler { return http.NewServeMux() }
