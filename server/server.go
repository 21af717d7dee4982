package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/hlog"
)

// Server is the HTTP side of Lockkeeper.
type Server struct {
	Webhook http.Handler
	Metrics *Metrics
	// Apart says that metrics are not among the routes, because Metrics has a listener
	// of its own.
	Apart bool
	// Ready reports why the server cannot work; nil means that it can.
	Ready func(context.Context) error
	Log   zerolog.Logger

	unready atomic.Bool // as /readyz said last
}

// drain is how long requests under way may take once the server stops.
const drain = 10 * time.Second

// Handler routes requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+githubapp.DefaultWebhookRoute, s.Webhook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	if !s.Apart {
		mux.Handle("GET /metrics", s.Metrics.Handler())
	}
	return hlog.NewHandler(s.Log)(mux)
}

// MetricsAlone routes what Prometheus asks for, for a listener of its own.
func MetricsAlone(m *Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	return mux
}

// readyz logs only when the answer changes: it may be asked many times a second,
// and the log may lie on the disk that is full.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		if !s.unready.Swap(true) {
			hlog.FromRequest(r).Error().Err(err).Msg("not ready")
		}
		plain(w, http.StatusServiceUnavailable, "not ready: see the server log")
		return
	}
	if s.unready.Swap(false) {
		hlog.FromRequest(r).Info().Msg("ready again")
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // the client may have left
}

// Serve answers requests on l until ctx is done and those under way are
// answered.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		stopped <- srv.Shutdown(ctx)
	}()
	if err := srv.Serve(lasting{l}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	return <-stopped
}

// lasting is a listener that only its end ends. One for which the system has no
// room takes connections again later, and net/http waits for that only when the
// error says so (http.Server.Serve, net.Error.Temporary): errors such as
// ENOSPC, of a user with too many watches of epoll(7), do not.
type lasting struct{ net.Listener }

// Accept implements net.Listener.
func (l lasting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return nil, noRoom{err}
	}
	return conn, err
}

// noRoom is an error of a moment.
type noRoom struct{ error }

func (noRoom) Timeout() bool   { return false }
func (noRoom) Temporary() bool { return true }
func (n noRoom) Unwrap() error { return n.error }
