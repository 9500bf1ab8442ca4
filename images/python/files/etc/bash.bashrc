# As Debian's, on which the image is built.
PS1='\u@\h:\w\$ '
