package github

import "net/http"

func (d *Double) gitHandler() http.Handler { return http.NotFoundHandler() }
