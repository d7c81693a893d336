package com.nabla.sdk.core.domain.entity

class AccessToken(val token: String)

class RefreshToken(val token: String)

class AuthTokens(val accessToken: AccessToken, val refreshToken: RefreshToken)
