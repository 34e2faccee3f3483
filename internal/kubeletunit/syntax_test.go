package kubeletunit

import "testing"

// Whatever the files hold, a command line comes out or an error, and no variable is
// left in it that the environment has.
func FuzzSyntax(f *testing.F) {
	f.Add("[Service]\nEnvironment=\"A=b c\"\nExecStart=k $A ${A}\n", "A='x'\n")
	f.Fuzz(func(t *testing.T, unit, environment string) {
		var section service
		if section.add(unit) != nil {
			return
		}
		variables := map[string]string{}
		parseEnvironment(environment, variables)
		args, err := expand(section.execStart, variables)
		if err != nil && args != nil {
			t.Errorf("got %q and %v", args, err)
		}
	})
}
