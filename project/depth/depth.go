// Package depth bounds how deep what HCL's parser gets may nest.
//
// Its place in the flow: whoever parses HCL of a pull request asks it first, the server
// as the runner. It must not know what the text is for.
package depth

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Max is how deep a Terraform file may nest: brackets, blocks, templates, and the operators
// of one expression, each of which costs HCL's parser, or a walk over its result, some
// kilobytes of stack. Go cannot recover from an exhausted stack, so one file of a pull request could end the server.
const Max = 1_000

type lex func(src []byte, filename string, start hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)

// Exceeded tells that text nests deeper than Max.
func Exceeded(text []byte, lex lex) bool {
	if !mayBeDeep(text) {
		return false
	}
	tokens, _ := lex(text, "", hcl.InitialPos)
	depth, open := 0, []int{0} // open: per bracket that is open, the operators so far of its present expression
	for _, t := range tokens {
		top := len(open) - 1
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, 0)
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth -= open[top]
			if top > 0 {
				open = open[:top]
				depth--
			} else {
				open[0] = 0
			}
		case hclsyntax.TokenComma, hclsyntax.TokenEqual:
			depth -= open[top]
			open[top] = 0
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent,
			hclsyntax.TokenQuestion, hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
			hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq:
			open[top]++
			depth++
		}
		if depth > Max {
			return true
		}
	}
	return false
}

// mayBeDeep is a cheap test that is true for every text that nests too deep: it has enough of the bytes
// that nesting takes.
func mayBeDeep(text []byte) bool {
	n := 0
	for _, c := range [...]string{"(", "[", "{", "!", "?", "+", "-", "*", "/", "%", "<", ">", "==", "&&", "||"} {
		n += bytes.Count(text, []byte(c))
	}
	return n > Max
}
