module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	example.org/library v1.2.3
	k8s.io/api v0.0.0
	k8s.io/sample-apiserver v0.0.0
)

require example.org/indirect v1.0.0 // indirect

exclude example.org/library v1.2.2

replace (
	example.org/library => example.org/fork v1.2.4
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/sample-apiserver => ./staging/src/k8s.io/sample-apiserver
	k8s.io/sample-controller => ./staging/src/k8s.io/sample-controller
)
