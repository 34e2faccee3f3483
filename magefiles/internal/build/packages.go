package build

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// packageCounter counts the packages that `go build -v` names on its standard
// error, one a line as each is compiled.
type packageCounter struct {
	step *progress.Step
	done chan struct{} // closed when the build has ended

	mu       sync.Mutex // guards what follows
	compiled int64
	total    int64
}

func (c *packageCounter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compiled += int64(bytes.Count(p, []byte("\n")))
	c.step.Set(c.compiled, max(c.total, c.compiled))
	return len(p), nil
}

func (c *packageCounter) packages() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiled
}

// estimateAfter is how long a build must go on before its end is estimated.
const estimateAfter = 15 * time.Second

// findTotal asks the go command how many packages the program has, beside the
// build, which is not kept waiting. Without an answer there is no estimate. A short
// build needs none, and would only be slowed down.
func (c *packageCounter) findTotal(ctx context.Context, g gocommand.Go, tree Tree, options Options) {
	select {
	case <-c.done:
		return
	case <-ctx.Done():
		return
	case <-time.After(estimateAfter):
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	out, err := g.Output(ctx, gocommand.Call{
		Args: listArguments(options, tree), Dir: tree.Dir, Set: settings(options, tree),
	})
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total = int64(bytes.Count(out, []byte("\n")))
}

// listArguments returns those of the go list that names what arguments builds.
func listArguments(options Options, tree Tree) []string {
	return []string{"list", "-deps", tags(options, tree), packagePath(options)}
}
