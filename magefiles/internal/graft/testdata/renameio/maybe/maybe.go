package maybe

import _ "github.com/google/renameio"
