package firstrun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// changedFunction is where the kubelet compares a container with its spec.
const changedFunction = "k8s.io/kubernetes/pkg/kubelet/kuberuntime.containerChanged"

// Reading is what a debugger read in containerChanged of a live kubelet.
type Reading struct {
	// Function, File and Line are where it stopped.
	Function, File string
	Line           int
	// Name and Image are those of the argument container.
	Name, Image string
	// Readable says that both could be read; Detail says why not.
	Readable bool
	Detail   string
}

// starter starts a program of a run.
type starter func(name, program string, args ...string) (*testnode.Process, error)

// readContainer attaches Delve to a live kubelet, stops it once in
// containerChanged, reads the argument and lets the kubelet go on. A kubelet that
// can't be read, or that does not call the function within the limit, is a
// Reading that says so; an error means that the debugger itself failed.
func readContainer(ctx context.Context, start starter, delve string, pid int, limit time.Duration) (reading Reading, err error) {
	if delve == "" {
		return Reading{Detail: "no debugger was given"}, nil
	}
	if _, err := exec.LookPath(delve); err != nil {
		return Reading{}, fmt.Errorf("finding the debugger: %w", err)
	}
	port, err := testnode.FreePort()
	if err != nil {
		return Reading{}, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server, err := start("dlv", delve, "attach", strconv.Itoa(pid), "--headless", "--listen="+address,
		"--accept-multiclient", "--api-version=2", "--check-go-version=false", "--log=false")
	if err != nil {
		return Reading{}, err
	}
	defer func() { err = errors.Join(err, server.End(ctx)) }()
	var connection net.Conn
	err = server.Wait(ctx, 2*time.Minute, "the debugger to listen", func() (bool, error) {
		connection, err = net.Dial("tcp", address)
		return err == nil, nil
	})
	if err != nil {
		return Reading{}, err
	}
	// Calls of the client know no context: closing what they read from ends them.
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	client := rpc2.NewClientFromConn(connection)
	reading, err = converse(client, limit)
	// The kubelet must live on: false.
	if detachErr := client.Detach(false); err == nil && detachErr != nil {
		err = fmt.Errorf("letting the kubelet go on: %w", detachErr)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = fmt.Errorf("reading the kubelet with a debugger: %w", cause)
	}
	return reading, err
}

// stopWithin is how long the kubelet may take to call containerChanged; it syncs
// a pod every few seconds.
const stopWithin = 90 * time.Second

func converse(client *rpc2.RPCClient, limit time.Duration) (Reading, error) {
	if _, err := client.CreateBreakpoint(&api.Breakpoint{FunctionName: changedFunction, Line: -1}); err != nil {
		return Reading{Detail: "no breakpoint can be set: " + err.Error()}, nil
	}
	var state *api.DebuggerState
	stopped := client.Continue()
	select {
	case state = <-stopped:
	case <-time.After(limit):
		if _, err := client.Halt(); err != nil {
			return Reading{}, fmt.Errorf("halting the kubelet: %w", err)
		}
		<-stopped
		return Reading{Detail: fmt.Sprintf("the kubelet did not call %s within %s", changedFunction, limit)}, nil
	}
	if state.Err != nil {
		return Reading{}, fmt.Errorf("stopping the kubelet in %s: %w", changedFunction, state.Err)
	}
	if state.CurrentThread == nil || state.CurrentThread.Function == nil {
		return Reading{}, fmt.Errorf("stopping the kubelet in %s: it stopped elsewhere", changedFunction)
	}
	thread := state.CurrentThread
	reading := Reading{Function: thread.Function.Name(), File: thread.File, Line: thread.Line, Readable: true}
	reading.Name = evaluate(client, thread.GoroutineID, "container.Name", &reading)
	reading.Image = evaluate(client, thread.GoroutineID, "container.Image", &reading)
	return reading, nil
}

// evaluate reads a string, or notes why it can't be read.
func evaluate(client *rpc2.RPCClient, goroutine int64, expression string, reading *Reading) string {
	value, err := client.EvalVariable(api.EvalScope{GoroutineID: goroutine}, expression, api.LoadConfig{FollowPointers: true, MaxStringLen: 256})
	switch {
	case err != nil:
		reading.Detail = expression + ": " + err.Error()
	case value.Unreadable != "":
		reading.Detail = expression + ": " + value.Unreadable
	default:
		return value.Value
	}
	reading.Readable = false
	return ""
}
