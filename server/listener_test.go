package server

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
)

// crowded is a listener that has no room for the first connections.
type crowded struct {
	net.Listener
	left int
}

func (f *crowded) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("epoll_ctl", syscall.ENOSPC)}
	}
	return f.Listener.Accept()
}

// What a job of the server's user takes of the kernel's memory for its user must
// not end the server.
func TestAConnectionThatCannotBeTakenDoesNotEndTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- Serve(ctx, &crowded{l, 3}, http.NotFoundHandler()) }()
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	select {
	case err := <-over:
		t.Fatalf("the server ended: %v", err)
	case err := <-answered:
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}
