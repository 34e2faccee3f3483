package nodestate

import "github.com/steadylet/steadylet/statefile"

// Repair is how a state file is made good again.
type Repair string

// The ways to repair a state file.
const (
	// Nothing is to be done.
	Nothing Repair = "nothing"
	// TakePrevious puts the previous copy in its place.
	TakePrevious Repair = "previous copy"
	// Regenerate writes a new one from what runs.
	Regenerate Repair = "generated"
)

// Choose says how to repair the file, or why it must be left alone. previous is the
// state that TakePrevious writes.
func (i Inspection) Choose() (how Repair, previous statefile.State, err error) {
	switch i.Current.Condition {
	case Whole:
		return Nothing, statefile.State{}, nil
	case Future, Unreadable:
		return Nothing, statefile.State{}, i.Check()
	}
	switch i.Previous.Condition {
	case Whole:
		return TakePrevious, i.Previous.State, nil
	case Future, Unreadable:
		return Nothing, statefile.State{}, Inspection{Current: i.Previous}.Check()
	}
	return Regenerate, statefile.State{}, nil
}
