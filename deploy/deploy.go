// Package deploy holds what is needed to run Yonder for others.
package deploy

import _ "embed"

// ServiceSample is a configuration file of the service with every setting at
// its default. Its comments are the only description of the settings: the
// command line takes its help from them.
//
//go:embed service.yaml
var ServiceSample string

// EndpointTemplate is a configuration file of an endpoint with every setting,
// as a text/template over the endpoint's configuration.
//
//go:embed endpoint.yaml
var EndpointTemplate string
