package config

import "slices"

// minSecret is the shortest webhook secret that is accepted, in bytes (T25).
const minSecret = 32

// place is where the file says that a secret is; one of the three is set.
type place struct {
	key            string // without its ending
	file, env, aws string
}

// given lists the keys that are set.
func (p place) given() (keys []string) {
	for _, k := range []struct{ end, value string }{{"_file", p.file}, {"_env", p.env}, {"_aws", p.aws}} {
		if k.value != "" {
			keys = append(keys, p.key+k.end)
		}
	}
	return keys
}

// source is the key that the secret comes from.
func (p place) source() string {
	if keys := p.given(); len(keys) > 0 {
		return keys[0]
	}
	return p.key + "_file"
}

// present complains about a secret that the server cannot do without.
func (v *validator) present(p place) {
	if len(p.given()) > 0 || slices.ContainsFunc([]string{"_file", "_env", "_aws"}, func(end string) bool { return v.Noted(p.key + end) }) {
		return
	}
	v.check(false, p.key+"_file", "is missing; name a file, an environment variable with %s_env, or a secret of AWS with %s_aws", p.key, p.key)
}

// secret reads a secret from the one place that is set. An empty secret is a
// problem, never a default.
func (v *validator) secret(p place, region string) Secret {
	keys := p.given()
	if len(keys) == 0 {
		return Secret{}
	}
	for _, other := range keys[1:] {
		v.check(false, other, "stands beside %s; keep one of them", keys[0])
	}
	if len(keys) > 1 {
		return Secret{}
	}
	switch {
	case p.file != "":
		text, err := readSecretFile(p.file)
		v.check(err == nil, keys[0], "cannot be used: %v", err)
		v.check(text != "", keys[0], "names an empty file")
		return NewSecret(text)
	case p.env != "":
		text := v.from.Env(p.env)
		v.check(text != "", keys[0], "names the environment variable %q, which is not set", p.env)
		return NewSecret(text)
	}
	return v.stored(keys[0], p.aws, region)
}

// stored reads a secret from AWS, unless the region is wrong: then one mistake
// is reported, and not three.
func (v *validator) stored(key, name, region string) Secret {
	v.check(isSecret(name), key, "must be the name or ARN of a secret, then #key for one key of a JSON object")
	if v.Noted(key) || v.Noted("aws.region") {
		return Secret{}
	}
	text, err := v.from.AWS(region, name)
	v.check(err == nil, key, "cannot be used: %v", err)
	text = withoutLineEnd(text)
	v.check(text != "", key, "names an empty secret")
	return NewSecret(text)
}

// longEnough complains about a secret that can be guessed.
func (v *validator) longEnough(p place, s Secret) Secret {
	n := len(s.Reveal())
	v.check(n == 0 || n >= minSecret, p.source(), "holds a secret of %d bytes; make one of at least %d, for example with openssl rand -hex 32", n, minSecret)
	return s
}
