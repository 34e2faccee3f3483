module steadylet.local/build

go 1.26.0

godebug default=go1.26

require (
	k8s.io/kubernetes v1.36.3
	example.org/library v1.2.3
	k8s.io/api v0.36.3
)

require example.org/indirect v1.0.0 // indirect

exclude example.org/library v1.2.2

replace (
	example.org/library => example.org/fork v1.2.4
	k8s.io/api => k8s.io/api v0.36.3
)
