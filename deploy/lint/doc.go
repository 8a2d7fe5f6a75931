// Package lint holds what is deployed against those who read it: the Dockerfile
// against BuildKit's parser, the compose files against compose's, the manifests
// against Kubernetes' types and its restricted policy, the rules and the dashboard
// against Prometheus' engine and a real server's metrics.
//
// It is a module of its own, since those who read them are large. It has tests only.
package lint
