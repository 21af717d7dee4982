package prepare

// For tests outside of the package.
const (
	CodeElsewhere = codeElsewhere
	MaxRuleFiles  = maxRuleFiles
	MaxRuleBytes  = maxRuleBytes
)
