// Package nodepods gathers the pods of a node for a forecast of package predict: lists,
// manifests, and what the container runtime says. It only reads.
package nodepods
