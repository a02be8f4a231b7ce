package main

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
)

// relay makes the local stack, which listens on loopback only, reachable from containers, and
// returns its address for containers. It listens on the address of Docker's bridge on this machine,
// which other machines can't reach, and forwards connections. With Docker Desktop the bridge is in
// a virtual machine and this machine has no such address. Then none is needed: Docker Desktop has a
// host name that leads to this machine's loopback.
func relay(ctx context.Context, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	const bridgeName = `{{index .Options "com.docker.network.bridge.name"}}`
	bridge, err := output(ctx, "docker", "network", "inspect", "bridge", "--format", bridgeName)
	if err != nil {
		return "", err
	}
	address, ok := addressOf(bridge)
	if !ok {
		return "http://" + net.JoinHostPort("host.docker.internal", u.Port()), nil
	}
	address, err = forward(ctx, net.JoinHostPort(address, "0"), u.Host)
	return "http://" + address, err
}

// addressOf returns the IPv4 address of a network interface of this machine. It never returns
// 0.0.0.0, because the relay must not listen on all interfaces.
func addressOf(name string) (string, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return "", false
	}
	addresses, err := i.Addrs()
	if err != nil {
		return "", false
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsUnspecified() {
			return n.IP.String(), true
		}
	}
	return "", false
}

// forward listens until ctx ends and forwards each connection to target. It returns the address
// that it listens on.
func forward(ctx context.Context, listen, target string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go forwardConn(c, target)
		}
	}()
	return l.Addr().String(), nil
}

// forwardConn copies in both directions until both have ended.
func forwardConn(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	for _, direction := range [][2]net.Conn{{server, client}, {client, server}} {
		both.Go(func() {
			to, from := direction[0], direction[1]
			_, _ = io.Copy(to, from)
			if half, ok := to.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // the other direction may go on
			}
		})
	}
	both.Wait()
}
